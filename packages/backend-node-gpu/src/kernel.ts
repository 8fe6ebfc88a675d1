import type { DType, TensorType } from "@vitrine/core"
import type { OpInputs, OpName, OpOutputs, Ops } from "@vitrine/core/backend"
import type { GraphWriter } from "./graph-def.ts"

export type OutputType = TensorType<number>

/** A value of the graph: the output of a node of TensorFlow's that computes it, and its type. */
export interface Value extends OutputType {
  readonly name: string
}

/** What products are computed in; sums are kept in float32 either way. */
export type MatMulPrecision = "float32" | "bfloat16"

export interface Writer extends GraphWriter {
  readonly precision: MatMulPrecision
}

/** One op as nodes of TensorFlow's: gives the names of the outputs. */
export type Kernel<K extends OpName> = (
  w: Writer,
  inputs: OpInputs<Value>[K],
  attributes: Ops[K],
  outputs: OpOutputs<OutputType>[K],
) => OpOutputs<string>[K]

export type KernelTable = { readonly [K in OpName]?: Kernel<K> }

/** A value in another data type. */
export function cast(w: Writer, x: string, from: DType, to: DType): string {
  if (from === to) return x
  return w.once(`cast ${x} ${to}`, () => w.one("Cast", [x], { SrcT: { type: from }, DstT: { type: to } }))
}
