import { elementCount, type HostData, showShape, type TensorType, VitrineError } from "@vitrine/core"
import type * as tfjs from "@tensorflow/tfjs-core"
import type { Tensor } from "@tensorflow/tfjs-core"

/** A TensorFlow.js instance: the `@tensorflow/tfjs-core` module, or one that holds it such as `@tensorflow/tfjs`. */
export type TensorFlow = typeof tfjs

/** The dimensions of a type, none of them named any more. */
export const dims = (type: TensorType | undefined): number[] => (type as TensorType).shape as number[]

export function fail(message: string): never {
  throw new VitrineError("backend", `tfjs: ${message}`)
}

/** The values, if they are there and fill the shape. */
export function checked(what: string, data: HostData | undefined, { shape }: TensorType): HostData {
  if (data === undefined) return fail(`${what} is missing`)
  const size = elementCount(shape)
  if (data.length !== size) fail(`${what} needs ${size} values for ${showShape(shape)}, got ${data.length}`)
  return data
}

/** A tensor of a copy of the values: tfjs keeps the array that it is given, and callers use theirs again. */
export function upload(tf: TensorFlow, data: HostData, { shape, dtype }: TensorType): Tensor {
  const dims = shape as number[]
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
