export { bytesPerElement, type StorageArray, type StorageDType, type StoredTensor, toFloat32 } from "./dtype.ts"
export {
  type DetectorHints,
  type DetectorPreprocessing,
  openDetector,
  type OpenDetector,
} from "./detr.ts"
export { type BiTWeights, type BiTOptions, readBiTWeights } from "./bit.ts"
export { checkedModel, imageModel, isBiT, type ModelConfig, onlyViT } from "./families.ts"
export { type GoogleWeights, type GoogleOptions, readGoogleWeights } from "./google.ts"
export { type JsonLimits, parseJson } from "./json.ts"
export { type PositionMethod, type PositionResize, resizePositions, resizeWeights } from "./positions.ts"
export { hintsOf, type Overrides, applyOverrides, type Preprocessing, splitOverrides } from "./preprocessing.ts"
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
export * as schemas from "./schema.ts"
export { type ByteSource, memorySource } from "./source.ts"
export { type ValueStatistics, valueStatistics } from "./statistics.ts"
export { fromHuggingFace, isHuggingFace } from "./huggingface.ts"
export { huggingFaceSources, timmSources } from "./names.ts"
export type { ModelFiles } from "./model-files.ts"
export { openGoogleModel, openModel, type OpenModel } from "./model.ts"
export {
  type ParameterSource,
  parameterReader,
  type Weights,
  type WeightSources,
  type WeightTensor,
} from "./weights.ts"
export { beyondHuggingFace, type HuggingFaceFiles, huggingFaceTensors, toHuggingFace } from "./export-huggingface.ts"
export { toTimm } from "./export-timm.ts"
export { type ModelHints, readStateDict, type StateDict } from "./statedict.ts"
export { isTaskConfig, type TaskName, taskNames, taskOfConfig, taskOfFiles, taskRecord } from "./task.ts"
export { checkTensors } from "./tensors.ts"
export {
  beyondTimm,
  fromTimmConfig,
  type ModelDescription,
  type TimmConfig,
  type TimmExtra,
  toTimmConfig,
} from "./timm.ts"
