export { isBiT, type ModelConfig, onlyViT, type Preprocessing } from "@vitrine/checkpoint"
export { type ViTConfig, VitrineError, vitVariant, vitConfig } from "@vitrine/core"
export {
  centerCrop,
  type Dataset,
  flip,
  type Image,
  type Mix,
  padCrop,
  pixels,
  randAugment,
  randomErasing,
  randomCrop,
  randomResizedCrop,
  resize,
  shapes,
  type Transform,
} from "@vitrine/data"
export type { TrainEvent } from "@vitrine/trainer"
export type { Detector, DetectorInspection as Inspected } from "./detection/detector.ts"
export {
  type ExportedFiles,
  type ExportFormat,
  exportFiles,
  type ExportPrecision,
  type ExportTarget,
  onnxFile,
  type WholeModel,
} from "./export.ts"
export { hyperRule } from "./hyper-rule.ts"
export { createModel, type Model, type Prediction, topPredictions } from "./model.ts"
export { evaluationTransforms } from "./preprocessing.ts"
export {
  type DataFacts,
  defineRecipe,
  type ModelFields,
  type Recipe,
  type RecipeRule,
  type ResolvedRecipe,
  resolveRecipe,
} from "./recipe.ts"
export type { SetupEvent } from "./training.ts"
export { type BackendChoice, createBackend } from "./web/backend.ts"
export { loadDetector } from "./web/detect.ts"
export { type ExportResult as Exported, exportModel, type ExportOptions } from "./web/export.ts"
export type { ModelSource } from "./web/files.ts"
export { type ImageInput, type LoadOptions, load } from "./web/load.ts"
export { type MemoryStore, memoryStore } from "./web/memory-store.ts"
export { type TrainOptions, train } from "./web/train.ts"
