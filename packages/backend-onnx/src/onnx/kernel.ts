import type { TensorType } from "@vitrine/core"
import type { OpInputs, OpName, OpOutputs, Ops } from "@vitrine/core/backend"
import type { Emitter, Reader, Value } from "./emitter.ts"

/** The type of an output that a kernel has to make, and the ops that read it. */
export interface Output extends TensorType {
  readonly readers: readonly Reader[]
}

/** Elements and a factor that still has to be applied. */
export interface Scaled {
  /** The name of the elements, before scaling. */
  readonly of: string
  readonly scale: number
}

/** Writes one op as ONNX nodes. It returns each output as a name or a scaled value. */
export type OnnxKernel<K extends OpName> = (
  e: Emitter,
  inputs: OpInputs<Value>[K],
  attributes: Ops[K],
  outputs: OpOutputs<Output>[K],
) => OpOutputs<string | Scaled>[K]

export type OnnxKernels = { readonly [K in OpName]?: OnnxKernel<K> }

/** The elements of a value without its scale, and the scale. A fill becomes elements. */
export function unscaled(e: Emitter, value: Value): Scaled {
  return value.fill === undefined ? value : { of: e.elements(value), scale: 1 }
}
