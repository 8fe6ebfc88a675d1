export {
  attentionOf,
  familyOf,
  type DetectorHints,
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
export type { DetectionEvaluation, DetrConfig, Faults, QueryDetections } from "@vitrine/detection"
export { type PullOptions, type PullProgress, type PullResult, pull } from "@vitrine/hub/node"
export type { BiTConfig } from "@vitrine/resnet"
export type { SearchOptions, Seq2SeqConfig, TextEvaluation } from "@vitrine/seq2seq"
export type { Evaluation, LabelEvaluation, TrainingOptions } from "@vitrine/trainer"
export type { ClassifierEvaluation, TrainEvent } from "./tasks/classify/events.ts"

export {
  type ExportedFiles,
  type ExportFormat,
  type ExportPrecision,
  exportTargets,
  type ExportTarget,
  exportTypes,
  quantizedTypes,
} from "./export.ts"
export {
  type BackendChoice,
  type BackendFactory,
  type BackendOptions,
  backendPrecisions,
  backends,
  type ChosenBackend,
  chooseBackend,
  createBackend,
} from "./node/backends.ts"
export { type LocatedData, locateData } from "./node/data.ts"
export type { ExportOptions, ExportResult, ExportSource } from "./node/export-files.ts"
export { exportModel } from "./node/export.ts"
export type { ImageInput } from "./node/image.ts"
export { plan, type PlannedTraining, plannedSubject } from "./node/plan.ts"
export { machineMemory, type RunOptions } from "./node/run.ts"
export { taskOf } from "./node/task-of.ts"
export type { RunOrigin } from "./origin.ts"
export type { ModelPart } from "./plan/cost.ts"
export { checkMachine, type Machine, type Network, type Rates } from "./plan/machine.ts"
export { type PlannedBackend, plannedBackends, type PlannedMemory } from "./plan/memory.ts"
export { type Plan, planOf, type PlanTarget, type PlanVariant, plannedPeak } from "./plan/plan.ts"
export { fitRates, type MeasuredStep } from "./plan/rates.ts"
export type { PlanSubject } from "./plan/subject.ts"
export { type RankTime, type StepWork, stepWork } from "./plan/time.ts"
export type { RunSetup } from "./setup.ts"
export type { TapShape } from "./taps.ts"
export { tasks } from "./tasks/node.ts"
export type { LoadedModel, Task, TaskPlan, TaskTrainOptions } from "./tasks/task.ts"

export { type BestName, bestNames } from "./tasks/classify/best.ts"
export type { ClassMatch } from "./tasks/classify/classes.ts"
export { exportFiles, onnxFile } from "./tasks/classify/export.ts"
export { hyperRule } from "./tasks/classify/hyper-rule.ts"
export { type Model, type Prediction, topPredictions } from "./tasks/classify/model.ts"
export {
  type EvaluateOptions,
  evaluate,
  evaluateAny,
  evaluateLabels,
} from "./tasks/classify/node/evaluate.ts"
export type { ModelEvaluation, ModelLabelEvaluation } from "./tasks/classify/evaluate.ts"
export { type LoadOptions, load } from "./tasks/classify/node/load.ts"
export { type ProbeOptions, probe } from "./tasks/classify/node/probe.ts"
export { type Probe, type ProbeMethod, probeMethods, type ProbeResult } from "./tasks/classify/probe.ts"
export { readRun, type RunEvaluation, type RunSummary } from "./tasks/classify/node/runs.ts"
export { type TrainOptions, train } from "./tasks/classify/node/train.ts"
export { objectiveNames, type ObjectiveName } from "./tasks/classify/objectives.ts"
export { evaluationTransforms } from "./tasks/classify/preprocessing.ts"
export { defineRecipe, resolveRecipe } from "./tasks/classify/recipe.ts"
export type { DataFacts, ModelFields, Recipe, RecipeRule, ResolvedRecipe } from "./tasks/classify/recipe-type.ts"
export type { RunRecord } from "./tasks/classify/record-type.ts"
export { checkRecipe } from "./tasks/classify/schema.ts"
export type { SetupEvent } from "./tasks/classify/train.ts"
export type { WholeModel } from "./tasks/classify/whole-model.ts"

export type { Detector, DetectorInspection } from "./tasks/detect/detector.ts"
export {
  type DetectorEvaluation,
  evaluateDetector,
  type EvaluateDetectorOptions,
} from "./tasks/detect/node/evaluate.ts"
export { type LoadDetectorOptions, loadDetector } from "./tasks/detect/node/load.ts"
export { trainDetector, type TrainDetectorOptions } from "./tasks/detect/node/train.ts"
export type { DetectionSetupEvent } from "./tasks/detect/train.ts"
export { detectionSchedule, resolveDetectionRecipe } from "./tasks/detect/recipe.ts"
export type { DetectionFacts, DetectionRecipe, ResolvedDetectionRecipe } from "./tasks/detect/recipe-type.ts"
export type { DetectionRecord } from "./tasks/detect/record-type.ts"
export { checkDetectionRecipe } from "./tasks/detect/schema.ts"

export { type EvaluateReaderOptions, evaluateReader, type ReaderEvaluation } from "./tasks/read/node/evaluate.ts"
export { type LoadReaderOptions, loadReader } from "./tasks/read/node/load.ts"
export { trainReader, type TrainReaderOptions } from "./tasks/read/node/train.ts"
export type { Reader, Reading, ReadingInspection } from "./tasks/read/reader.ts"
export type { ReadingSetupEvent } from "./tasks/read/train.ts"
export { defineReadingRecipe } from "./tasks/read/recipe.ts"
export type { ReaderFields, ReadingRecipe, ResolvedReadingRecipe } from "./tasks/read/recipe-type.ts"
export type { ReadingRecord } from "./tasks/read/record-type.ts"
export { checkReadingRecipe } from "./tasks/read/schema.ts"
