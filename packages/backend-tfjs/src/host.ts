import { type DType, type HostData, type TensorType, VitrineError } from "@vitrine/core"
import { bindDim } from "@vitrine/core/backend"
import type * as tfjs from "@tensorflow/tfjs-core"
import type { Tensor } from "@tensorflow/tfjs-core"

/** A TensorFlow.js instance: the `@tensorflow/tfjs-core` module, or one that holds it such as `@tensorflow/tfjs`. */
export type TensorFlow = typeof tfjs

/** The dimensions of a type, as a new array. */
export const dims = ({ shape }: TensorType<number>): number[] => [...shape]

export function fail(message: string): never {
  throw new VitrineError("backend", `tfjs: ${message}`)
}

/** A dtype as tfjs has it. @throws VitrineError (backend) for float16 and bfloat16, which it does not have. */
export function tfjsDType(dtype: DType): "float32" | "int32" | "bool" {
  if (dtype === "float16" || dtype === "bfloat16") return fail(`it has no ${dtype} tensors; keep this graph in float32`)
  return dtype
}

/** A tensor of a copy of the values: tfjs keeps the array that it gets, and callers use theirs again. */
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

/** A copy of a tensor's values; on the cpu device `data` hands out the tensor's own memory. */
export async function download(t: Tensor): Promise<HostData> {
  return (await t.data<"float32" | "int32" | "bool">()).slice()
}
