/// <reference types="@webgpu/types" />
import type * as tfjs from "@tensorflow/tfjs-core"
import type * as tfjsWebGpu from "@tensorflow/tfjs-backend-webgpu"
import type { Tensor } from "@tensorflow/tfjs-core"
import { type HostData, type Program, type State, VitrineError } from "@vitrine/core"
import type { WebGpuBackend } from "./backend.ts"
import type { HostDType } from "./plan/tensor.ts"
import { fail, messageOf } from "./run/gpu.ts"
import { GpuProgram } from "./run/program.ts"

type TensorFlow = typeof tfjs

/**
 * Sets TensorFlow.js to the device of a `WebGpuBackend`, so that programs can use its tensors (`runTensors`).
 * `tfjsBackend` of `@vitrine/backend-tfjs` then runs graphs op by op on the same device. The WebGPU device that `tf` had
 * before is replaced.
 * @throws VitrineError (backend) if @tensorflow/tfjs-backend-webgpu is missing.
 */
export async function shareDevice(tf: TensorFlow, { gpu }: WebGpuBackend): Promise<void> {
  const { WebGPUBackend } = await load()
  if (deviceOf(tf) !== gpu) {
    // In a page with WebGPU, the import registers another device.
    if (tf.findBackendFactory("webgpu") !== null) tf.removeBackend("webgpu")
    tf.registerBackend("webgpu", () => asIfInPage(() => new WebGPUBackend(gpu, gpu.adapterInfo)), 3)
  }
  if (!(await tf.setBackend("webgpu"))) fail("tfjs does not start on this device")
}

/** tfjs makes its backend only if `navigator.gpu` exists, although it does not use it. Node has none. */
function asIfInPage<T>(make: () => T): T {
  const { navigator } = globalThis
  if (navigator?.gpu !== undefined) return make()
  Object.defineProperty(globalThis, "navigator", { value: { gpu: {} }, configurable: true, writable: true })
  try {
    return make()
  } finally {
    Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true, writable: true })
  }
}

async function load(): Promise<typeof tfjsWebGpu> {
  try {
    return await import("@tensorflow/tfjs-backend-webgpu")
  } catch (error) {
    const why = messageOf(error).split("\n")[0]
    const help = "npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-webgpu"
    throw new VitrineError("backend", `tfjs-backend-webgpu cannot be loaded (${why}): ${help}`, { cause: error })
  }
}

function deviceOf(tf: TensorFlow): GPUDevice | undefined {
  return (tf.findBackend("webgpu") as tfjsWebGpu.WebGPUBackend | null)?.device
}

/**
 * Runs a compiled program on tensors of tfjs. The values stay on the device. tfjs gives out copies of its buffers, and
 * takes the buffers of the results without copying. The caller disposes of inputs and results.
 * @throws VitrineError (backend) if `tf` is not on the program's device.
 */
export async function runTensors(
  tf: TensorFlow,
  program: Program,
  inputs: Readonly<Record<string, Tensor>>,
  state?: State,
): Promise<Readonly<Record<string, Tensor>>> {
  if (!(program instanceof GpuProgram)) return fail("runTensors takes a program that webgpuBackend compiled")
  if (tf.getBackend() !== "webgpu" || deviceOf(tf) !== program.device)
    return fail("tfjs is on another device: set it up by shareDevice(tf, backend)")
  const values: Record<string, GPUBuffer | HostData> = {}
  const copies: Tensor[] = []
  try {
    for (const [name, t] of Object.entries(inputs)) {
      const data = onDevice(t)
      if (data) copies.push(data.tensorRef)
      values[name] = data?.buffer instanceof GPUBuffer ? data.buffer : await t.data<"float32" | "int32" | "bool">()
    }
    const results = await program.runOnDevice(values, state)
    return Object.fromEntries(
      Object.entries(results).map(([name, { buffer, shape, dtype }]) => [name, wrapped(tf, buffer, [...shape], dtype)]),
    )
  } finally {
    tf.dispose(copies)
  }
}

/** A tensor that owns a buffer. tfjs accepts no buffers of bools, but its bools are int32 of 0 and 1 too. */
function wrapped(tf: TensorFlow, buffer: GPUBuffer, shape: number[], dtype: HostDType): Tensor {
  if (dtype !== "bool") return tf.tensor({ buffer, zeroCopy: true }, shape, dtype)
  return tf.tidy(() => tf.cast(tf.tensor({ buffer, zeroCopy: true }, shape, "int32"), "bool"))
}

/**
 * A copy of a tensor's buffer. The device makes it after everything that tfjs has recorded before. It is undefined for
 * a small tensor, which tfjs keeps on the host.
 */
function onDevice(t: Tensor): { readonly tensorRef: Tensor; readonly buffer?: unknown } | undefined {
  try {
    return t.dataToGPU()
  } catch {
    return undefined
  }
}
