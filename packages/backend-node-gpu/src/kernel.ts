import type { DType, TensorType } from "@vitrine/core"
import type { OpInputs, OpName, OpOutputs, Ops } from "@vitrine/core/backend"
import type { GraphWriter } from "./graph-def.ts"

export type OutputType = TensorType<number>

/** A value of the graph: its type, and the output of the TensorFlow node that computes it. */
export interface Value extends OutputType {
  readonly name: string
}

/** The precision of the factors of matrix products. Sums are in float32. */
export type MatMulPrecision = "float32" | "bfloat16"

export interface Writer extends GraphWriter {
  readonly precision: MatMulPrecision
}

/** Writes one op as TensorFlow nodes. It returns the names of the outputs. */
export type Kernel<K extends OpName> = (
  w: Writer,
  inputs: OpInputs<Value>[K],
  attributes: Ops[K],
  outputs: OpOutputs<OutputType>[K],
) => OpOutputs<string>[K]

export type KernelTable = { readonly [K in OpName]?: Kernel<K> }

/** Casts a value to another data type. */
export function cast(w: Writer, x: string, from: DType, to: DType): string {
  if (from === to) return x
  return w.once(`cast ${x} ${to}`, () => w.one("Cast", [x], { SrcT: { type: from }, DstT: { type: to } }))
}
