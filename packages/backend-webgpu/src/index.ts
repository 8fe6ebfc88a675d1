/// <reference types="@webgpu/types" />
import { indexedDb } from "./store/indexed-db.ts"
import { deviceBackend, type DeviceOptions, openDevice, type WebGpuBackend } from "./backend.ts"

export type { DeviceOptions, DeviceReport, WebGpuBackend } from "./backend.ts"
export type { KernelTime, Profiler } from "./run/gpu.ts"
export { workBytes } from "./plan/bytes.ts"

/** Options of the WebGPU backend in a page. */
export type WebGpuOptions = DeviceOptions

/**
 * A backend that runs graphs as WebGPU kernels, in a page or a worker. It does not close a device that came with the
 * options.
 * @throws VitrineError (backend) if there is no WebGPU, or if the only adapter computes on the CPU and `software` is
 *   not set.
 */
export async function webgpuBackend(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const device = options.device ?? (await openDevice(globalThis.navigator?.gpu, options))
  return deviceBackend(device, options, indexedDb)
}
