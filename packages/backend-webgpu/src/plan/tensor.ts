import type { DType, TensorType } from "@vitrine/core"
import { sizeOf } from "./view.ts"

/**
 * What lies in a buffer: bools as u32 of 0 and 1, values of the 16-bit dtypes as rounded float32. float16 is how a program
 * may store activations of float32.
 */
export type Stored = OnHost | "float16"

/** What is exchanged with the host. */
export type OnHost = "float32" | "int32" | "bool"

/** Something that is held in memory while a program runs. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly dtype: Stored
  readonly place: /** Written and read by this program's kernels. */
    | "work"
    /** Given at every run. */
    | "input"
    /** A slot of the state. */
    | "state"
    /** The same at every run. */
    | "constant"
    /** One number everywhere, which kernels spell out. */
    | "literal"
  /** Of an input or a slot. */
  readonly name?: string
  readonly data?: Float32Array | Int32Array
  readonly value?: number
}

export function stored(dtype: DType): OnHost {
  return dtype === "int32" || dtype === "bool" ? dtype : "float32"
}

export const numbers = ({ shape }: TensorType): readonly number[] => shape as readonly number[]

/** Bytes that hold a tensor, to whole vectors of four. */
export const bytesOf = ({ shape, dtype }: Pick<Tensor, "shape" | "dtype">): number =>
  Math.max(16, Math.ceil(sizeOf(shape) / 4) * (dtype === "float16" ? 8 : 16))
