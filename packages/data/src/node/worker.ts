import { workerData } from "node:worker_threads"
import { type Batch, type BatchPlan, batchMaker } from "../batch.ts"
import type { DatasetSource } from "../dataset.ts"
import { cached, type PixelCache } from "./cache.ts"
import { openDataset } from "./open.ts"
import { serveBatches } from "./pool.ts"

/** The data that a worker starts with. */
export interface WorkerInput {
  readonly source: DatasetSource
  readonly plan: BatchPlan
  readonly cache: PixelCache | undefined
}

const { source, plan, cache }: WorkerInput = workerData
const maker = openDataset(source).then((dataset) =>
  batchMaker(cache === undefined ? dataset : cached(dataset, cache), plan),
)
serveBatches<Batch>(maker, ({ images, labels, targets, weights }) => [images, labels, targets, weights])
