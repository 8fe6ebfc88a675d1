import { VitrineError } from "@vitrine/core"
import type * as dawn from "webgpu"
import { cacheFolder } from "./store/cache-folder.ts"
import { deviceBackend, type DeviceOptions, openDevice, type WebGpuBackend } from "./backend.ts"
import { messageOf } from "./run/gpu.ts"

export type { DeviceReport, WebGpuBackend } from "./backend.ts"
export type { KernelTime, Profiler } from "./run/gpu.ts"

/** Options of the WebGPU backend in Node, which runs on Dawn. */
export interface WebGpuNodeOptions extends DeviceOptions {
  /**
   * Options of Dawn, such as `backend=vulkan` or `backend=null`. By default the memory of workgroups is not set to zero
   * before each kernel, since no kernel needs that.
   */
  readonly dawn?: readonly string[]
}

/**
 * A backend that runs graphs as WebGPU kernels in Node, with the npm package `webgpu` (Dawn). On Linux it finds GPUs
 * through Vulkan's loader, `libvulkan.so.1`.
 * @throws VitrineError (backend) if the package is missing, if there is no adapter, or if the only adapter computes on
 *   the CPU and `software` is not set.
 */
export async function webgpuBackend(options: WebGpuNodeOptions = {}): Promise<WebGpuBackend> {
  const device = options.device ?? (await nodeDevice(options))
  return deviceBackend(device, options, cacheFolder)
}

/** Dawn's entry points by their options. A device needs its entry point to stay alive. */
const entries = new Map<string, GPU>()

/** Opens a device for `webgpuBackend` and for other libraries. The caller destroys it. */
export async function nodeDevice(options: Omit<WebGpuNodeOptions, "device"> = {}): Promise<GPUDevice> {
  const flags = [...(options.dawn ?? ["enable-dawn-features=disable_workgroup_init"])]
  if (!flags.some((flag) => flag.startsWith("backend="))) await needVulkan()
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

/**
 * Checks for Vulkan's loader, through which Dawn finds GPUs on Linux. Without it Dawn would write to standard error. A
 * missing package is named before a missing loader.
 */
async function needVulkan(): Promise<void> {
  if (process.platform !== "linux") return
  try {
    process.dlopen({ exports: {} }, "libvulkan.so.1")
  } catch (error) {
    // Node cannot load the library as an addon, but the message tells whether the file exists.
    if (!/cannot open shared object file/.test(messageOf(error))) return
    await load()
    throw new VitrineError(
      "backend",
      "webgpu: no Vulkan here (libvulkan.so.1): apt install libvulkan1 and a GPU's driver",
    )
  }
}
