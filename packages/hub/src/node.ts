export { type PullOptions, type PullProgress, type PullResult as Pulled, pull } from "./node/pull.ts"
