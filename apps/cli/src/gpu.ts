import { existsSync } from "node:fs"

/** The files of drivers on Linux: NVIDIA's, those of the kernel, AMD's, and that of Windows' subsystem. */
const drivers = ["/dev/nvidiactl", "/dev/dri/renderD128", "/dev/kfd", "/dev/dxg"]

/** Whether this machine seems to have a GPU. Those with other systems than Linux have one. */
export function hasGpu(): boolean {
  return process.platform !== "linux" || drivers.some((driver) => existsSync(driver))
}
