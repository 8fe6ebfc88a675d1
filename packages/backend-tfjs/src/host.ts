import { type DType, type HostData, type TensorType, VitrineError } from "@vitrine/core"
import { bindDim } from "@vitrine/core/backend"
import type * as tfjs from "@tensorflow/tfjs-core"
import type { Tensor } from "@tensorflow/tfjs-core"

/**
 * A TensorFlow.js instance: the module `@tensorflow/tfjs-core`, or one that includes it, such as `@tensorflow/tfjs`.
 */
export type TensorFlow = typeof tfjs

/** The dimensions of a type in a new array. */
export const dims = ({ shape }: TensorType<number>): number[] => [...shape]

export function fail(message: string): never {
  throw new VitrineError("backend", `tfjs: ${message}`)
}

/**
 * The tfjs name of a dtype.
 * @throws VitrineError (backend) for float16 and bfloat16, which tfjs does not have
 */
export function tfjsDType(dtype: DType): "float32" | "int32" | "bool" {
  if (dtype === "float16" || dtype === "bfloat16") return fail(`it has no ${dtype} tensors; keep this graph in float32`)
  return dtype
}

/** Makes a tensor from a copy of the values. tfjs keeps the array that it gets, but callers use their arrays again. */
export function upload(tf: TensorFlow, data: HostData, { shape, dtype }: TensorType): Tensor {
  const dims = shape.map((dim) => bindDim(dim))
  switch (dtype) {
    case "int32":
      return tf.tensor(Int32Array.from(data), dims, "int32")
    case "bool":
      return tf.tensor(Uint8Array.from(data), dims, "bool")
    default:
      return tf.tensor(Float32Array.from(data), dims, "float32")
  }
}

/**
 * Copies a tensor's values. `data` of the cpu device returns the tensor's own memory, which must not leave the backend.
 */
export async function download(t: Tensor): Promise<HostData> {
  return (await t.data<"float32" | "int32" | "bool">()).slice()
}
