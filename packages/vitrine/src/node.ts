export { isBiT, type ModelConfig, onlyViT, type Preprocessing, type TaskName } from "@vitrine/checkpoint"
export { type ViTConfig, VitrineError, vitVariant, vitConfig } from "@vitrine/core"
export {
  centerCrop,
  flip,
  type Image,
  type Mix,
  padCrop,
  randAugment,
  randomErasing,
  randomCrop,
  randomResizedCrop,
  resize,
  type Transform,
} from "@vitrine/data"
export { type PullOptions, type PullProgress, type PullResult, pull } from "@vitrine/hub/node"
export type { TrainEvent } from "@vitrine/trainer"
export { hyperRule } from "./tasks/classify/hyper-rule.ts"
export { createModel, type Model, type Prediction, topPredictions } from "./tasks/classify/model.ts"
export {
  type BackendFactory,
  type BackendOptions,
  backends,
  type ChosenBackend,
  chooseBackend,
  createBackend,
  preferred,
} from "./node/backends.ts"
export type { ClassMatch } from "./tasks/classify/classes.ts"
export {
  type DetectionRecipe,
  detectionSchedule,
  type ResolvedDetectionRecipe,
  resolveDetectionRecipe,
} from "./tasks/detect/recipe.ts"
export type { Detector, DetectorInspection } from "./tasks/detect/detector.ts"
export { type LoadDetectorOptions, loadDetector } from "./tasks/detect/node/load.ts"
export {
  type DetectorEvaluation,
  evaluateDetector,
  type EvaluateDetectorOptions,
} from "./tasks/detect/node/evaluate.ts"
export { type EvaluateOptions, evaluate, type ModelEvaluation } from "./tasks/classify/node/evaluate.ts"
export {
  type ExportedFiles,
  type ExportFormat,
  exportFiles,
  type ExportPrecision,
  type ExportTarget,
  onnxFile,
  type WholeModel,
} from "./tasks/classify/export.ts"
export { type ExportResult, exportModel, type ExportOptions } from "./node/export.ts"
export { type EvaluateReaderOptions, evaluateReader, type ReaderEvaluation } from "./tasks/read/node/evaluate.ts"
export { type ImageInput, type LoadOptions, load } from "./tasks/classify/node/load.ts"
export {
  type ReadingInspection,
  type LoadReaderOptions,
  loadReader,
  type Reader,
  type Reading,
} from "./tasks/read/node/load.ts"
export {
  type Probe,
  type ProbeMethod,
  type ProbeOptions,
  type ProbeResult,
  probe,
  probeMethods,
} from "./tasks/classify/node/probe.ts"
export { readRun, type RunEvaluation, type RunSummary } from "./tasks/classify/node/runs.ts"
export { taskOf } from "./node/task-of.ts"
export { type TrainOptions, train } from "./tasks/classify/node/train.ts"
export { type DetectionSetupEvent, trainDetector, type TrainDetectorOptions } from "./tasks/detect/node/train.ts"
export { type ReadingSetupEvent, trainReader, type TrainReaderOptions } from "./tasks/read/node/train.ts"
export {
  defineReadingRecipe,
  type ReaderFields,
  type ReadingRecipe,
  type ResolvedReadingRecipe,
} from "./tasks/read/recipe.ts"
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
export type { RunSetup } from "./setup.ts"
export type { SetupEvent } from "./tasks/classify/training.ts"
