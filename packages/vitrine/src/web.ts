export { isBiT, type ModelConfig, onlyViT, type Preprocessing, type TaskName } from "@vitrine/checkpoint"
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
export type { Detector, DetectorInspection } from "./tasks/detect/detector.ts"
export {
  type ExportedFiles,
  type ExportFormat,
  exportFiles,
  type ExportPrecision,
  type ExportTarget,
  onnxFile,
  type WholeModel,
} from "./tasks/classify/export.ts"
export { hyperRule } from "./tasks/classify/hyper-rule.ts"
export { createModel, type Model, type Prediction, topPredictions } from "./tasks/classify/model.ts"
export { evaluationTransforms } from "./tasks/classify/preprocessing.ts"
export {
  type DataFacts,
  defineRecipe,
  type ModelFields,
  type Recipe,
  type RecipeRule,
  type ResolvedRecipe,
  resolveRecipe,
} from "./tasks/classify/recipe.ts"
export type { SetupEvent } from "./tasks/classify/training.ts"
export { type BackendChoice, createBackend } from "./web/backend.ts"
export { loadDetector } from "./tasks/detect/web/load.ts"
export { type ExportResult, exportModel, type ExportOptions } from "./web/export.ts"
export type { ModelSource } from "./web/files.ts"
export { type ImageInput, type LoadOptions, load } from "./tasks/classify/web/load.ts"
export { taskOf } from "./web/task-of.ts"
export { type MemoryStore, memoryStore } from "./web/memory-store.ts"
export { type TrainOptions, train } from "./tasks/classify/web/train.ts"
