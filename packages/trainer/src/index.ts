export { type RunStore, restoreTensors, type SavedRun, type SavedTensor } from "./checkpoint.ts"
export { evaluateBatches } from "./evaluate.ts"
export type {
  BrokenImageEvent,
  CheckpointEvent,
  EndEvent,
  EvaluationEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
} from "./events.ts"
export {
  type DecayMode,
  decayModeNames,
  type GroupOptions,
  isHead,
  type ParameterGroup,
  parameterGroups,
} from "./groups.ts"
export { averagePrecision, type LabelEvaluation, type LabelFigures, type LabelTally, labelTally } from "./labels.ts"
export { startShare } from "./average.ts"
export {
  type ConfusionCell,
  type Evaluation,
  type RealAccuracy,
  realAccuracy,
  type Tally,
  tally,
  type TallyRow,
  tallyRows,
} from "./metrics.ts"
export { classificationObjective, measureClasses } from "./objectives/classification.ts"
export {
  checkDistillation,
  type Distillation,
  distillationFields,
  type DistillationName,
  distillationNames,
  distillationObjective,
  type Teacher,
} from "./objectives/distillation.ts"
export { type Loss, lossNames, rowLosses } from "./objectives/losses.ts"
export { measureLabels, multiLabelObjective } from "./objectives/multi-label.ts"
export { patchColours, maskedPatchObjective, type Normalization } from "./objectives/masked-patch.ts"
export type { Inputs, Measure, Objective, Pass, Prepared, Rows, Share, Sized } from "./objectives/objective.ts"
export {
  optimizer,
  type OptimizerName,
  optimizerNames,
  type OptimizerOptions,
  type OptimizerSpelling,
  optimizerSpellings,
  spelledOptimizer,
  spellingOf,
} from "./optimizer.ts"
/** All optimizers by their names. */
export * as optimizers from "./optimizers/index.ts"
export type { Optimizer, OptimizerKind } from "./optimizers/optimizer.ts"
export { trainingFields, type TrainingOptions, trainingOptions } from "./options.ts"
export {
  accumulatorSlots,
  allParameters,
  emaName,
  evaluationGraph,
  gradientsGraph,
  mergeGraph,
  type Slots,
  type StepOptions,
  stepGraph,
  stepOptionsOf,
  trainingSlots,
  updateGraph,
} from "./programs.ts"
export type { Block, Communicator } from "./ranks.ts"
export { type Features, pixelFeatures, probeAccuracy, probeFeatures } from "./probe/features.ts"
export { fitHead, groupsOf, type HeldOut, leastGroups, type LinearHead } from "./probe/head.ts"
export { leastSquares, leastSquaresPenalties } from "./probe/least-squares.ts"
export { type ChosenFit, type Fit, fitByValidation, type LinearClassifier, linearScores } from "./probe/linear.ts"
export { logisticRegression, logisticPenalties } from "./probe/logistic.ts"
export { type NeighbourOptions, neighbourVotes } from "./probe/neighbours.ts"
export {
  type Decay,
  decayNames,
  learningRate,
  type Schedule,
  scheduleFields,
  transformerRate,
  warmupSteps,
} from "./schedule.ts"
export { type SumOrder, sumOrder, treeFold } from "./sum-order.ts"
export { type BatchSource, type TrainInputs, trainingLoop } from "./train.ts"
