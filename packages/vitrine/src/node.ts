export { isBiT, type ModelConfig, onlyViT, type Preprocessing } from "@vitrine/checkpoint"
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
export { type PullOptions, type PullProgress, type Pulled, pull } from "@vitrine/hub/node"
export type { TrainEvent } from "@vitrine/trainer"
export { hyperRule } from "./hyper-rule.ts"
export { createModel, type Model, type Prediction, topPredictions } from "./model.ts"
export {
  type BackendFactory,
  type BackendOptions,
  backends,
  type ChosenBackend,
  chooseBackend,
  createBackend,
  preferred,
} from "./node/backends.ts"
export type { ClassMatch } from "./classes.ts"
export {
  type DetectionRecipe,
  detectionSchedule,
  type ResolvedDetectionRecipe,
  resolveDetectionRecipe,
} from "./detection/recipe.ts"
export type { Detector, DetectorInspection as Inspected } from "./detection/detector.ts"
export { isDetector, type LoadDetectorOptions, loadDetector } from "./node/detect.ts"
export { type DetectorEvaluation, evaluateDetector, type EvaluateDetectorOptions } from "./node/evaluate-detector.ts"
export { type EvaluateOptions, evaluate, type ModelEvaluation } from "./node/evaluate.ts"
export {
  type ExportedFiles,
  type ExportFormat,
  exportFiles,
  type ExportPrecision,
  type ExportTarget,
  onnxFile,
  type WholeModel,
} from "./export.ts"
export { type ExportResult as Exported, exportModel, type ExportOptions } from "./node/export.ts"
export { type EvaluateReaderOptions, evaluateReader, type ReaderEvaluation } from "./node/evaluate-reader.ts"
export { type ImageInput, type LoadOptions, load } from "./node/load.ts"
export {
  type ReadingInspection as InspectedReading,
  isReader,
  type LoadReaderOptions,
  loadReader,
  type Reader,
  type Reading,
} from "./node/read.ts"
export { type Probe, type ProbeMethod, type ProbeOptions, type ProbeResult, probe, probeMethods } from "./node/probe.ts"
export { readRun, type RunEvaluation, type RunSummary } from "./node/runs.ts"
export { type TrainOptions, train } from "./node/train.ts"
export { type DetectionSetupEvent, trainDetector, type TrainDetectorOptions } from "./node/train-detector.ts"
export { type ReadingSetupEvent, trainReader, type TrainReaderOptions } from "./node/train-reader.ts"
export {
  defineReadingRecipe,
  type ReaderFields,
  type ReadingRecipe,
  type ResolvedReadingRecipe,
} from "./reading/recipe.ts"
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
export type { RunSetup } from "./setup.ts"
export type { SetupEvent } from "./training.ts"
