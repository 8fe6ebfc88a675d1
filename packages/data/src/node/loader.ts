import { VitrineError } from "@vitrine/core"
import { type Batch, batchMaker } from "../batch.ts"
import { BrokenImageError, firstImage } from "../broken.ts"
import { concatenated } from "../concatenated.ts"
import type { Dataset, DatasetSource } from "../dataset.ts"
import {
  type BatchMaker,
  brokenIn,
  type Loader,
  type LoaderOptions,
  loaderOf,
  localBatchMaker,
  planOf,
  readingAhead,
} from "../loader.ts"
import { cached, type PixelCache, pixelCache } from "./cache.ts"
import { openDataset } from "./open.ts"
import { workerPool } from "./pool.ts"
import type { EncodedImages, FedJob, WorkerInput } from "./worker.ts"

/** Options of a loader in Node, which makes batches in worker threads. */
export interface NodeLoaderOptions extends LoaderOptions {
  /** The data to load: a source, or an open data set, which stays open. */
  readonly source?: DatasetSource
  readonly dataset?: Dataset
  /** The number of threads that make batches, or 0 for this thread; 1 by default. Batches do not depend on it. */
  readonly workers?: number
}

/**
 * Loads batches in worker threads. If the package runs from its TypeScript sources, this thread makes them, since a
 * worker of Node 20 cannot run TypeScript.
 * @throws VitrineError for impossible options, and for data that cannot be opened
 */
export async function createLoader(options: NodeLoaderOptions): Promise<Loader> {
  const { workers = 1 } = options
  if (!Number.isInteger(workers) || workers < 0 || workers > 256)
    throw new VitrineError("config", `loader: workers must be a whole number up to 256, got ${workers}`)
  const dataset = options.dataset ?? (options.source === undefined ? undefined : await openDataset(options.source))
  if (dataset === undefined) throw new VitrineError("config", "loader: needs a source or a dataset")
  const owned = options.dataset === undefined
  const close = async (): Promise<void> => {
    if (owned) await dataset.close?.()
  }
  try {
    const plan = await planOf(dataset, options)
    const { source } = dataset
    const decodes = readsFiles(source)
    const cache = decodes ? pixelCache(dataset, (await firstImage(dataset))[1]) : undefined
    const maker =
      workers === 0 || source === undefined || import.meta.url.endsWith(".ts")
        ? localBatchMaker(
            readingAhead(dataset, batchMaker(cache === undefined ? dataset : cached(dataset, cache), plan)),
            close,
          )
        : feeding(
            dataset,
            cache,
            workerPool<Batch, FedJob>(
              workerUrl,
              { source, plan, cache } satisfies WorkerInput,
              workers,
              close,
              ({ encoded }) => (encoded ? [encoded.bytes.buffer] : []),
            ),
          )
    return loaderOf(dataset, options, plan.shape, maker, brokenIn(dataset, options))
  } catch (error) {
    await close()
    throw error
  }
}

const workerUrl = new URL("./worker.js", import.meta.url)

/**
 * Reads the bytes of images in this thread if the data have blocks, so that each block is read once for all threads.
 * Images in the cache need no bytes.
 */
function feeding(dataset: Dataset, cache: PixelCache | undefined, pool: BatchMaker<Batch, FedJob>): BatchMaker {
  const { bytes, prefetch } = dataset
  if (bytes === undefined || prefetch === undefined) return pool
  const read = async (example: number): Promise<Uint8Array | string> => {
    if (cache !== undefined && Atomics.load(cache.filled, example) === 1) return new Uint8Array()
    try {
      return await bytes(example)
    } catch (error) {
      if (error instanceof BrokenImageError) return error.message
      throw error
    }
  }
  return {
    ...pool,
    make: readingAhead(dataset, async (job) => {
      const images = await Promise.all(Array.from(job.examples, read))
      return pool.make({ ...job, encoded: joined(images) })
    }),
  }
}

/** Copies images into one piece of memory, which can be transferred. An image is a part of its block, which stays. */
function joined(images: readonly (Uint8Array | string)[]): EncodedImages {
  const faults = new Map<number, string>()
  const parts = images.map((image, row) => {
    if (typeof image !== "string") return image
    faults.set(row, image)
    return new Uint8Array()
  })
  const bytes = concatenated(parts)
  let end = 0
  return { bytes, ends: parts.map(({ length }) => (end += length)), faults }
}

/** The kinds of sources whose images are decoded. */
const filesKinds = new Set<DatasetSource["kind"]>(["files", "packed", "parquet", "shards"])

const readsFiles = (source: DatasetSource | undefined): boolean =>
  source?.kind === "subset" ? readsFiles(source.of) : source !== undefined && filesKinds.has(source.kind)
