export { type PullOptions, type PullProgress, type PullResult, pull } from "./node/pull.ts"
