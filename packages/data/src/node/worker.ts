import { workerData } from "node:worker_threads"
import { at } from "../at.ts"
import { type Batch, type BatchJob, type BatchPlan, batchMaker } from "../batch.ts"
import { BrokenImageError } from "../broken.ts"
import type { Dataset, DatasetSource } from "../dataset.ts"
import { cached, type PixelCache } from "./cache.ts"
import { decodeAdmitted } from "./decode.ts"
import { openDataset } from "./open.ts"
import { serveBatches } from "./pool.ts"

/** The data that a worker starts with. */
export interface WorkerInput {
  readonly source: DatasetSource
  readonly plan: BatchPlan
  readonly cache: PixelCache | undefined
}

/** A job with the bytes of its images, or the faults of those that are broken. */
export type FedJob = BatchJob & { readonly encoded?: readonly (Uint8Array | string)[] }

const { source, plan, cache }: WorkerInput = workerData
const maker = openDataset(source).then((dataset) => {
  let images = new Map<number, Uint8Array | string>()
  const fed: Dataset = {
    ...dataset,
    async read(example, admit) {
      const image = images.get(example)
      if (image === undefined) return dataset.read(example, admit)
      if (typeof image === "string") throw new BrokenImageError(image)
      return decodeAdmitted(image, dataset.describe(example), admit)
    },
  }
  const make = batchMaker(cache === undefined ? fed : cached(fed, cache), plan)
  return ({ encoded, ...job }: FedJob): Promise<Batch> => {
    images = new Map(encoded?.map((image, row) => [at(job.examples, row), image]))
    return make(job)
  }
})
serveBatches<Batch, FedJob>(maker, ({ images, labels, targets, weights }) => [images, labels, targets, weights])
