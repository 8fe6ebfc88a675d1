import { VitrineError } from "@vitrine/core"
import type { Loader, OrderOptions, Size } from "@vitrine/data"
import { checkBatch, checkOrder, loaderOf, localBatchMaker } from "@vitrine/data/internal"
import { type DetectionBatch, detectionBatchMaker, type DetectionPlan } from "./batch.ts"
import type { DetectionDataset } from "./dataset.ts"
import { type DetectionTransform, detectionEvaluation } from "./transforms.ts"

/** Options of a loader of images with boxes. */
export interface DetectionLoaderOptions extends OrderOptions {
  /** The size [height, width] to which images are padded. */
  readonly imageSize: Size
  /** The transforms; `detectionEvaluation(imageSize)` by default. */
  readonly transforms?: readonly DetectionTransform[]
  /** The mean of each channel, in [0, 1]; ImageNet's by default. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

/** Loads batches in this thread. The entry `./node` has a `createDetectionLoader` that uses worker threads. */
export async function createDetectionLoader(
  options: DetectionLoaderOptions & { readonly dataset: DetectionDataset },
): Promise<Loader<DetectionBatch>> {
  const { dataset } = options
  const plan = detectionPlan(dataset, options)
  const maker = localBatchMaker(detectionBatchMaker(dataset, plan), async () => {})
  return loaderOf(dataset, options, [...plan.imageSize, 3], maker)
}

/** Checks the options and makes a plan of them. */
export function detectionPlan(dataset: DetectionDataset, options: DetectionLoaderOptions): DetectionPlan {
  const { batchSize, imageSize, seed = 0, mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] } = options
  checkOrder(dataset, options)
  if (!imageSize.every((side) => Number.isSafeInteger(side) && side > 0))
    throw new VitrineError("config", `loader: imageSize must be two positive integers, got ${imageSize.join("×")}`)
  checkBatch(batchSize, [...imageSize, 3])
  return { transforms: options.transforms ?? detectionEvaluation(imageSize), batchSize, seed, imageSize, mean, std }
}
