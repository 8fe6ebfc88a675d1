import { VitrineError } from "@vitrine/core"
import type { Loader } from "@vitrine/data"
import { loaderOf, localBatchMaker, type PixelCache, pixelCache, workerPool } from "@vitrine/data/internal/node"
import { openDataset } from "@vitrine/data/node"
import { type DetectionBatch, detectionBatchMaker, type DetectionPlan } from "../data/batch.ts"
import type { DetectionSource } from "../data/dataset.ts"
import { type DetectionLoaderOptions, detectionPlan } from "../data/loader.ts"
import { openCached } from "./open.ts"

/** Options of a loader of images with boxes in Node, which makes batches in worker threads. */
export interface NodeDetectionLoaderOptions extends DetectionLoaderOptions {
  readonly source: DetectionSource
  /** The number of threads that make batches, or 0 for this thread; 1 by default. Batches do not depend on it. */
  readonly workers?: number
}

/** The data with which a worker starts. */
export interface DetectionWorkerInput {
  readonly source: DetectionSource
  readonly plan: DetectionPlan
  readonly cache: PixelCache | undefined
}

/**
 * Loads batches in worker threads. If the package runs from its TypeScript sources, this thread loads them, since a
 * worker of Node 20 cannot run TypeScript.
 * @throws VitrineError for impossible options, and for data that cannot be opened
 */
export async function createDetectionLoader(options: NodeDetectionLoaderOptions): Promise<Loader<DetectionBatch>> {
  const { source, workers = 1 } = options
  if (!Number.isInteger(workers) || workers < 0 || workers > 256)
    throw new VitrineError("config", `loader: workers must be a whole number up to 256, got ${workers}`)
  const cache = await cacheFor(source)
  const dataset = await openCached(source, cache)
  const close = async (): Promise<void> => dataset.close?.()
  try {
    const plan = detectionPlan(dataset, options)
    const maker =
      workers === 0 || import.meta.url.endsWith(".ts")
        ? localBatchMaker(detectionBatchMaker(dataset, plan), close)
        : workerPool<DetectionBatch>(workerUrl, { source, plan, cache } satisfies DetectionWorkerInput, workers, close)
    return loaderOf(dataset, options, [...plan.imageSize, 3], maker)
  } catch (error) {
    await close()
    throw error
  }
}

const workerUrl = new URL("./worker.js", import.meta.url)

/** A cache of decoded images, if all have one size and fit into memory. */
async function cacheFor(source: DetectionSource): Promise<PixelCache | undefined> {
  if (source.kind !== "annotated") return undefined
  const images = await openDataset(source.images)
  try {
    return pixelCache(images, await images.read(0))
  } finally {
    await images.close?.()
  }
}
