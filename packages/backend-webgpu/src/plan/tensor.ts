import type { DType } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"

/** The types of values that the host exchanges with the device. */
export type HostDType = "float32" | "int32" | "bool"

/**
 * The type of the elements in a buffer. Bools are u32 of 0 and 1. Values of core's 16-bit dtypes are rounded float32.
 * Activations that are float32 in the graph may be stored as "float16".
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

/** A tensor that the caller gives to every run. */
export interface InputTensor extends TensorFields {
  readonly place: "input"
  readonly name: string
}

/** A slot of the state. */
export interface StateTensor extends TensorFields {
  readonly place: "state"
  readonly name: string
}

/** A tensor that is the same in every run. If it stands for a state, it has the state's name. */
export interface ConstantTensor extends TensorFields {
  readonly place: "constant"
  readonly name?: string
  readonly data: Float32Array | Int32Array
}

/** One number for all elements. It is part of the kernels' text, so it needs no memory. */
export interface LiteralTensor extends TensorFields {
  readonly place: "literal"
  readonly value: number
}

/** A tensor of a program. Two tensors are the same only if they are one object. */
export type Tensor = WorkTensor | InputTensor | StateTensor | ConstantTensor | LiteralTensor

/** The type with which the host exchanges values of a dtype. */
export function hostDType(dtype: DType): HostDType {
  return dtype === "int32" || dtype === "bool" ? dtype : "float32"
}

/** The size of a tensor in memory in bytes, rounded up to whole vectors of four elements. */
export const bytesOf = ({ shape, dtype }: TensorFields): number =>
  Math.max(16, Math.ceil(elementCount(shape) / 4) * (dtype === "float16" ? 8 : 16))
