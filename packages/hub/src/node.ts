export { type PullOptions, type PullProgress, type Pulled, pull } from "./node/pull.ts"
