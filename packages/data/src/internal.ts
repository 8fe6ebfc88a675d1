/** For Vitrine's own packages: unstable, any release may change it. */
export type { BatchJob } from "./batch.ts"
export { parseIdx } from "./idx.ts"
export { parseLabels } from "./lines/labels.ts"
export { type BatchMaker, checkBatch, checkOrder, loaderOf, localBatchMaker } from "./loader.ts"
export { outlines } from "./outlines.ts"
export { readAhead } from "./read-ahead.ts"
export { checkTransforms } from "./transforms/fields.ts"
export { mirrored, roundHalfEven } from "./transforms/geometry.ts"
