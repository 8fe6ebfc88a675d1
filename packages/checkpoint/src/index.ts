export { bestCheckpoint, type CheckpointScore } from "./best.ts"
export {
  bytesPerElement,
  type FileFacts,
  type StorageArray,
  type StorageDType,
  type StoredTensor,
  toFloat32,
} from "@vitrine/archive"
export {
  type DetectorHints,
  type DetectorPreprocessing,
  openDetector,
  type OpenDetector,
} from "./detr.ts"
export type { ModelDescription, ModelHints, WeightsModel } from "./description.ts"
export { readBiTWeights } from "./families/bit/weights.ts"
export type { Family, ModelWords, Recognition, RecipeRules } from "./families/family.ts"
export type {
  HuggingFaceFormat,
  HuggingFaceTensor,
  TimmFields,
  TimmFormat,
  TimmModel,
  WeightsFormat,
} from "./families/formats.ts"
export {
  attentionConfig,
  attentionOf,
  families,
  familyOf,
  familyOfRecipe,
  imageModel,
  recognisedFamily,
  resizeWeights,
  storedConfig,
} from "./families/index.ts"
export { readGoogleWeights } from "./families/vit/google-weights.ts"
export { schema as vitSchema } from "./families/vit/schema.ts"
export { readStateDict } from "./families/vit/timm-weights.ts"
export {
  beyondHuggingFace,
  fromHuggingFace,
  type HuggingFaceFiles,
  huggingFaceSources,
  huggingFaceTensors,
  toHuggingFace,
} from "./huggingface.ts"
export { type JsonLimits, parseJson } from "./json.ts"
export type { FamilyName, ModelConfig } from "./model-config.ts"
export { applyOverrides, hintsOf, type Overrides, splitOverrides } from "./overrides.ts"
export { type PositionMethod, type PositionResize, resizePositions } from "./positions.ts"
export { type ProblemType, problemTypes, readProblemType, type Scoring, scoringOf } from "./problem-type.ts"
export type { Preprocessing } from "./preprocessing.ts"
export { type NpyHeader, parseNpyHeader, readNpy } from "@vitrine/archive/npz"
export { type ArrayInfo, type NpzArchive, openNpzArchive, readNpz } from "@vitrine/archive/npz"
export {
  headerLength,
  parseHeader,
  readSafetensors,
  type Safetensors,
  type SafetensorsHeader,
  type TensorInfo,
  writeSafetensors,
} from "./safetensors.ts"
/** Checks of data from files, which give them a type. */
export * as schemas from "./schema.ts"
export { type ByteSource, memorySource } from "@vitrine/archive"
export { type ValueStatistics, valueStatistics } from "./statistics.ts"
export type { ModelFiles } from "./model-files.ts"
export { isHuggingFace, openGoogleModel, openModel, type OpenModel, openWeights } from "./model.ts"
export {
  type ParameterSource,
  parameterReader,
  type Weights,
  type WeightSources,
  type WeightTensor,
} from "./weights.ts"
export { isTaskConfig, type TaskName, taskNames, taskOfConfig, taskOfFiles, taskRecord } from "./task.ts"
export { checkTensors } from "./tensors.ts"
export {
  beyondTimm,
  fromTimmConfig,
  type TimmConfig,
  type TimmExtra,
  timmModel,
  timmSources,
  toTimm,
  toTimmConfig,
} from "./timm.ts"
