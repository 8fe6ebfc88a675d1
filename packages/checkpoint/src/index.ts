export { bytesPerElement, type StorageArray, type StorageDType, type StoredTensor, toFloat32 } from "./dtype.ts"
export { type GoogleModel, type GoogleOptions, googleModel } from "./google.ts"
export { type JsonLimits, parseJson } from "./json.ts"
export { type NpyHeader, parseNpyHeader, readNpy } from "./npy.ts"
export { type ArrayInfo, type NpzArchive, openNpzArchive, readNpz } from "./npz.ts"
export {
  type FileFacts,
  headerLength,
  parseHeader,
  readSafetensors,
  type Safetensors,
  type SafetensorsHeader,
  type TensorInfo,
  writeSafetensors,
} from "./safetensors.ts"
export { type ByteSource, memorySource } from "./source.ts"
export { type ValueStatistics, valueStatistics } from "./statistics.ts"
export { checkTensors } from "./tensors.ts"
export {
  beyondTimm,
  fromTimmConfig,
  type ModelDescription,
  type Preprocessing,
  type TimmConfig,
  type TimmExtra,
  toTimmConfig,
} from "./timm.ts"
