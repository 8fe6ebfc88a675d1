import type { InferenceSession, TensorConstructor } from "onnxruntime-common"
import type { OnnxModel } from "../onnx/model.ts"

/** What is used of an onnxruntime package; they differ in how a model is loaded and where its outputs go. */
export interface Engine {
  readonly name: string
  readonly device: string
  readonly Tensor: TensorConstructor
  load(model: OnnxModel): Promise<InferenceSession>
  /** Whether outputs can be written into buffers that are given. */
  readonly writesInto: boolean
  /** The rows that matrix products in a slice of a batch should have. */
  readonly sliceRows: number
}
