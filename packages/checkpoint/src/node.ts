export type { Checkpoint, CheckpointInfo, NewCheckpoint } from "./node/checkpoint.ts"
export { type Content, explaining, pathsBelow, readJson, syncHandle, writeFileAtomic } from "./node/files.ts"
export { type MetricsEvent, readMetrics } from "./node/metrics.ts"
export {
  describeWeights,
  type NpzFile,
  openNpz,
  openSafetensors,
  type SafetensorsFile,
  type TensorDescription,
  type WeightsDescription,
} from "./node/open.ts"
export { createRun, latestCheckpoint, type ResumedRun, type RunFolder, type RunOptions, resumeRun } from "./node/run.ts"
export { pruneRun } from "./node/prune.ts"
export { findCheckpoint, publishedCheckpoint, runOfCheckpoint } from "./node/run-checkpoints.ts"
export { type DetectorFolder, type ModelFolder, readDetectorFolder, readModelFolder, taskOfPath } from "./node/model.ts"
export { writeModelFolder } from "./node/write-model.ts"
