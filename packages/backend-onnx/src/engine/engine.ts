import type { InferenceSession, TensorConstructor } from "onnxruntime-common"
import type { OnnxModel } from "../onnx/model.ts"

/** The rows of matrix products in a slice of a batch, if the options of onnxruntime-node do not say. */
export const nativeSliceRows = 4096

/**
 * The functions of an onnxruntime package that the backend uses. Packages differ in how they load a model, and in where
 * they put outputs.
 */
export interface Engine {
  readonly name: string
  readonly device: string
  readonly Tensor: TensorConstructor
  /**
   * @param threads the threads of the session, if it has fewer than others. Each session has threads of its own, which
   * wait in a loop for some time after a run. They would slow a short session that runs next.
   */
  load(model: OnnxModel, threads?: number): Promise<InferenceSession>
  /** Whether the engine can write outputs into existing memory. */
  readonly writesInto: boolean
  /** The number of rows that matrix products in a slice of a batch should have. */
  readonly sliceRows: number
}
