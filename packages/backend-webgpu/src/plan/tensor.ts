import type { DType } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"

/** The types that are exchanged with the host. */
export type HostDType = "float32" | "int32" | "bool"

/**
 * The type of the elements in a buffer. Bools are u32 of 0 and 1. Values of core's 16-bit dtypes are rounded float32.
 * "float16" is how a program may store activations that are float32 in its graph.
 */
export type StoredDType = HostDType | "float16"

interface TensorFields {
  readonly shape: readonly number[]
  readonly dtype: StoredDType
}

/** A tensor that kernels of the program write and read. */
export interface WorkTensor extends TensorFields {
  readonly place: "work"
}

/** A tensor that the caller gives at every run. */
export interface InputTensor extends TensorFields {
  readonly place: "input"
  readonly name: string
}

/** A slot of the state. */
export interface StateTensor extends TensorFields {
  readonly place: "state"
  readonly name: string
}

/** A tensor that is the same at every run. It has a name where it stands for a state. */
export interface ConstantTensor extends TensorFields {
  readonly place: "constant"
  readonly name?: string
  readonly data: Float32Array | Int32Array
}

/** One number for all elements. Kernels spell it out, so it takes no memory. */
export interface LiteralTensor extends TensorFields {
  readonly place: "literal"
  readonly value: number
}

/** A tensor of a program. Two tensors are the same only where they are one object. */
export type Tensor = WorkTensor | InputTensor | StateTensor | ConstantTensor | LiteralTensor

/** The type by which the host exchanges values of a dtype. */
export function hostDType(dtype: DType): HostDType {
  return dtype === "int32" || dtype === "bool" ? dtype : "float32"
}

/** Bytes that a tensor takes in memory, to whole vectors of four elements. */
export const bytesOf = ({ shape, dtype }: TensorFields): number =>
  Math.max(16, Math.ceil(elementCount(shape) / 4) * (dtype === "float16" ? 8 : 16))
