export { type RunStore, restoreTensors, type SavedRun, type SavedTensor } from "./checkpoint.ts"
export { evaluateBatches } from "./evaluate.ts"
export type { CheckpointEvent, EndEvent, EvaluationEvent, StartEvent, StepEvent, TrainEvent } from "./events.ts"
export { type ParameterGroup, type GroupOptions, parameterGroups, isHead } from "./groups.ts"
export { type Evaluation, type RealAccuracy, realAccuracy, type Tally, tally } from "./metrics.ts"
export { classificationObjective, type Loss, measureClasses, rowLosses } from "./objectives/classification.ts"
export { checkDistillation, type Distillation, distillationObjective, type Teacher } from "./objectives/distillation.ts"
export { patchColours, maskedPatchObjective, type Normalization } from "./objectives/masked-patch.ts"
export type { Inputs, Measure, Objective, Pass, Prepared, Rows, Sized } from "./objectives/objective.ts"
export { type Optimizer, type OptimizerOptions, optimizer } from "./optimizer.ts"
export { type TrainingOptions, trainingOptions } from "./options.ts"
export {
  emaName,
  evaluationGraph,
  gradientsGraph,
  type StepOptions,
  stepGraph,
  updateGraph,
} from "./programs.ts"
export { probeAccuracy, probeFeatures, type Features, pixelFeatures } from "./probe/features.ts"
export { leastSquares, leastSquaresPenalties } from "./probe/least-squares.ts"
export { type ChosenFit, type Fit, fitByValidation, type LinearClassifier, linearScores } from "./probe/linear.ts"
export { logisticRegression, logisticPenalties } from "./probe/logistic.ts"
export { type NeighbourOptions, neighbourVotes } from "./probe/neighbours.ts"
export { learningRate, type Schedule, transformerRate, warmupSteps } from "./schedule.ts"
export { type BatchSource, type TrainInputs, trainingLoop } from "./train.ts"
