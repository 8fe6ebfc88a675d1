export {
  attentionOf,
  familyOf,
  type DetectorPreprocessing,
  type ModelConfig,
  attentionConfig,
  type Overrides,
  type Preprocessing,
  type TaskName,
} from "@vitrine/checkpoint"
export { type Backend, type HostTensor, type ViTConfig, VitrineError, vitConfig, vitVariant } from "@vitrine/core"
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
export type { DetrConfig, QueryDetections } from "@vitrine/detection"
export type { BiTConfig } from "@vitrine/resnet"
export type { Evaluation, LabelEvaluation, TrainingOptions } from "@vitrine/trainer"
export type { ClassifierEvaluation, TrainEvent } from "./tasks/classify/events.ts"

export type { ExportedFiles, ExportFormat, ExportPrecision, ExportTarget } from "./export.ts"
export type { RunSetup } from "./setup.ts"
export type { TapShape } from "./taps.ts"
export type { LoadedModel, PageTask } from "./tasks/task.ts"
export { tasks } from "./tasks/web.ts"
export { type BackendChoice, createBackend } from "./web/backend.ts"
export { type ExportResult, exportModel, type ExportOptions } from "./web/export.ts"
export type { ModelSource } from "./web/files.ts"
export type { ImageInput } from "./web/image.ts"
export { type MemoryStore, memoryStore } from "./web/memory-store.ts"
export { taskOf } from "./web/task-of.ts"

export { exportFiles, onnxFile } from "./tasks/classify/export.ts"
export { hyperRule } from "./tasks/classify/hyper-rule.ts"
export { type Model, type Prediction, topPredictions } from "./tasks/classify/model.ts"
export { evaluationTransforms } from "./tasks/classify/preprocessing.ts"
export { defineRecipe, resolveRecipe } from "./tasks/classify/recipe.ts"
export type { DataFacts, ModelFields, Recipe, RecipeRule, ResolvedRecipe } from "./tasks/classify/recipe-type.ts"
export type { SetupEvent } from "./tasks/classify/train.ts"
export { type LoadOptions, load } from "./tasks/classify/web/load.ts"
export { type TrainOptions, train } from "./tasks/classify/web/train.ts"
export type { WholeModel } from "./tasks/classify/whole-model.ts"

export type { Detector, DetectorInspection } from "./tasks/detect/detector.ts"
export { loadDetector } from "./tasks/detect/web/load.ts"
