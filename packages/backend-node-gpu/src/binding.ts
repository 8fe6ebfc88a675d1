/** A tensor in TensorFlow's memory: its number in the addon, its shape and its data type (`DT_*`). */
export interface TensorInfo {
  readonly id: number
  readonly shape: readonly number[]
  readonly dtype: number
}

/**
 * The functions that the backend uses of the native addon in `@tensorflow/tfjs-node` and `@tensorflow/tfjs-node-gpu`.
 */
export interface Binding {
  readonly TF_Version: string
  createTensor(shape: readonly number[], dtype: number, data: Float32Array | Int32Array | Uint8Array): number
  deleteTensor(id: number): void
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array
  loadSavedModel(folder: string, tags: string): number
  deleteSavedModel(id: number): void
  runSavedModel(id: number, inputs: readonly number[], inputNames: string, outputNames: string): TensorInfo[]
  getNumOfSavedModels(): number
  getNumOfTensors(): number
  isUsingGpuDevice(): boolean
}

/** TensorFlow's numbers for data types. */
export const dataTypes = { float32: 1, int32: 3, bool: 10, bfloat16: 14, float16: 19 } as const
