import type { InferenceSession, TensorConstructor } from "onnxruntime-common"
import type { OnnxModel } from "../onnx/model.ts"

/**
 * The functions of an onnxruntime package that the backend uses. Packages differ in how they load a model, and in where
 * they put outputs.
 */
export interface Engine {
  readonly name: string
  readonly device: string
  readonly Tensor: TensorConstructor
  load(model: OnnxModel): Promise<InferenceSession>
  /** Whether the engine can write outputs into existing memory. */
  readonly writesInto: boolean
  /** The number of rows that matrix products in a slice of a batch should have. */
  readonly sliceRows: number
}
