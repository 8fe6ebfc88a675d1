import { VitrineError } from "@vitrine/core"
import type * as dawn from "webgpu"
import { cacheFolder } from "./store/cache-folder.ts"
import { deviceBackend, type DeviceOptions, openDevice, type WebGpuBackend } from "./backend.ts"
import { messageOf } from "./run/gpu.ts"

export type { DeviceReport, WebGpuBackend } from "./backend.ts"
export type { KernelTime, Profiler } from "./run/gpu.ts"

export interface WebGpuNodeOptions extends DeviceOptions {
  /**
   * Options of Dawn, such as `backend=vulkan` or `backend=null`. By default workgroups' memory is not filled with zeros
   * before each kernel, since no kernel relies on it.
   */
  readonly dawn?: readonly string[]
}

/**
 * A backend that runs graphs as WebGPU kernels in Node, by the npm package `webgpu` (Dawn). On Linux it finds GPUs through
 * Vulkan's loader, `libvulkan.so.1`.
 * @throws VitrineError (backend) where the package is missing, where there is no adapter, or where the only one computes on
 * the CPU and `software` is not set.
 */
export async function webgpuBackend(options: WebGpuNodeOptions = {}): Promise<WebGpuBackend> {
  const device = options.device ?? (await nodeDevice(options))
  return deviceBackend(device, options, cacheFolder)
}

/** Dawn's entry points by their options. A device needs its entry point to stay alive. */
const entries = new Map<string, GPU>()

/** A device for `webgpuBackend` and for other libraries. The caller destroys it. */
export async function nodeDevice(options: Omit<WebGpuNodeOptions, "device"> = {}): Promise<GPUDevice> {
  const flags = [...(options.dawn ?? ["enable-dawn-features=disable_workgroup_init"])]
  if (!flags.some((flag) => flag.startsWith("backend="))) needVulkan()
  const { create, globals } = await load()
  for (const [name, value] of Object.entries(globals))
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  const gpu = entries.get(flags.join()) ?? create(flags)
  entries.set(flags.join(), gpu)
  return openDevice(gpu, options)
}

async function load(): Promise<typeof dawn> {
  try {
    return await import("webgpu")
  } catch (error) {
    const why = messageOf(error).split("\n")[0]
    throw new VitrineError("backend", `the package webgpu cannot be loaded (${why}): npm install webgpu`, {
      cause: error,
    })
  }
}

/** On Linux GPUs are found through Vulkan's loader. Where it is missing, Dawn would write to the standard error. */
function needVulkan(): void {
  if (process.platform !== "linux") return
  try {
    process.dlopen({ exports: {} }, "libvulkan.so.1")
  } catch (error) {
    // Node refuses it as an addon even where it is there.
    if (/cannot open shared object file/.test(messageOf(error)))
      throw new VitrineError(
        "backend",
        "webgpu: no Vulkan here (libvulkan.so.1): apt install libvulkan1 and a GPU's driver",
      )
  }
}
