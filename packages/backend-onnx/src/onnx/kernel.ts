import type { TensorType } from "@vitrine/core"
import type { OpInputs, OpName, OpOutputs, Ops } from "@vitrine/core/backend"
import type { Emitter, Reader, Value } from "./emitter.ts"

/** An output of an op, before a kernel has made it. */
export interface Output extends TensorType {
  readonly readers: readonly Reader[]
}

/** Elements that are still to be multiplied by a number. */
export interface Scaled {
  /** The name of the elements, before scaling. */
  readonly of: string
  readonly scale: number
}

/** One op as ONNX nodes: from the inputs to the outputs, each a name or a scaled value. */
export type OnnxKernel<K extends OpName> = (
  e: Emitter,
  inputs: OpInputs<Value>[K],
  attributes: Ops[K],
  outputs: OpOutputs<Output>[K],
) => OpOutputs<string | Scaled>[K]

export type OnnxKernels = { readonly [K in OpName]?: OnnxKernel<K> }

/** The elements of a value before scaling, and the scale; a fill in full. */
export function unscaled(e: Emitter, value: Value): Scaled {
  return value.fill === undefined ? value : { of: e.elements(value), scale: 1 }
}
