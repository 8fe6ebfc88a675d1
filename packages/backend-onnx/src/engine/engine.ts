import type { InferenceSession, TensorConstructor } from "onnxruntime-common"
import type { OnnxModel } from "../onnx/model.ts"

/** The part of an onnxruntime package that is used here. Packages differ in how they load a model, and in where outputs go. */
export interface Engine {
  readonly name: string
  readonly device: string
  readonly Tensor: TensorConstructor
  load(model: OnnxModel): Promise<InferenceSession>
  /** Whether outputs can be written into existing memory. */
  readonly writesInto: boolean
  /** The rows that matrix products in a slice of a batch should have. */
  readonly sliceRows: number
}
