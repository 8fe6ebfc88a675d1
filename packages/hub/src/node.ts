export { type HubDataset, type HubDatasetFile, hubDataset } from "./node/dataset.ts"
export { type PullOptions, type PullProgress, type PullResult, pull } from "./node/pull.ts"
