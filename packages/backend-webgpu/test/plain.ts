import type * as tfjs from "@tensorflow/tfjs-core"
import { tfjsBackend } from "@vitrine/backend-tfjs"
import type { Backend } from "@vitrine/core"
import type { WebGpuBackend } from "../src/index.ts"
import { shareDevice } from "../src/tfjs.ts"

/** Runs graphs op by op on tfjs' own kernels, on the device of a backend. */
export async function plainBackend(tf: typeof tfjs, backend: WebGpuBackend): Promise<Backend> {
  await shareDevice(tf, backend)
  return { ...tfjsBackend(tf), name: "webgpu-tfjs", device: "tfjs on WebGPU" }
}
