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

/** A job with the bytes of its images, one after another, or the faults of those that are broken. */
export type FedJob = BatchJob & { readonly encoded?: EncodedImages }

export interface EncodedImages {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The end of each image in `bytes`. */
  readonly ends: readonly number[]
  /** The fault of each row whose image is broken. */
  readonly faults: ReadonlyMap<number, string>
}

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
    images = new Map(
      encoded?.ends.map((end, row) => {
        const image = encoded.bytes.subarray(encoded.ends[row - 1] ?? 0, end)
        return [at(job.examples, row), encoded.faults.get(row) ?? image]
      }),
    )
    return make(job)
  }
})
serveBatches<Batch, FedJob>(maker, ({ images, labels, targets, weights }) => [images, labels, targets, weights])
