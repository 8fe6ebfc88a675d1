import { VitrineError } from "@vitrine/core"
import type { Order, OrderOptions } from "@vitrine/data"
import { batchCount } from "@vitrine/data/internal"
import type { Block, Communicator, TrainingOptions } from "@vitrine/trainer"

/** The options that determine the order of training data. */
export interface Shuffled {
  readonly data: { readonly length: number; readonly order?: Order }
  readonly recipe: BatchedRecipe
  /** Whether each pass leaves out the examples that do not fill a batch; true by default. */
  readonly dropLast?: boolean
}

/** The fields of a complete recipe that say how batches are cut. */
export interface BatchedRecipe {
  readonly batchSize: number
  readonly training: Pick<TrainingOptions, "microBatches" | "seed">
}

/** The number of examples of a micro-batch. */
export const microBatchSize = ({ batchSize, training }: BatchedRecipe): number => batchSize / training.microBatches

/**
 * Shuffled passes over the data, from micro-batch `consumed` on.
 * @param block the micro-batches of each step that come, where ranks share them
 */
export function trainingOrder(
  { data, recipe, dropLast = true }: Shuffled,
  consumed: number,
  block?: Block,
): OrderOptions {
  const { microBatches: lanes, seed } = recipe.training
  const order = {
    batchSize: microBatchSize(recipe),
    seed,
    shuffle: true,
    dropLast,
    lanes,
    ...(block && { ownLanes: block }),
  }
  const perEpoch = batchCount(data, order)
  return { ...order, start: { epoch: Math.floor(consumed / perEpoch), batch: consumed % perEpoch } }
}

/**
 * A batch size that can be cut into micro-batches: the recipe's, or the greatest up to `most`.
 * @throws VitrineError (config) for one that cannot be cut into equal parts
 */
export function cutBatchSize(
  { batchSize, microBatches = 1 }: { readonly batchSize?: number; readonly microBatches?: number },
  most: number,
): number {
  if (batchSize === undefined) return microBatches * Math.max(1, Math.floor(most / microBatches))
  if (batchSize % microBatches === 0) return batchSize
  const below = microBatches * Math.floor(batchSize / microBatches)
  const sizes = [below, below + microBatches].filter((size) => size > 0)
  throw new VitrineError(
    "config",
    `recipe: a batch of ${batchSize} cannot be cut into ${microBatches} equal micro-batches: take batchSize ${sizes.join(" or ")} (--batch-size, --micro-batches)`,
  )
}

/** One pass over data that are measured: with ranks, the batches of this one. */
export function measuredOrder(
  recipe: BatchedRecipe,
  ranks: Communicator | undefined,
): Omit<OrderOptions, "start"> & { readonly epochs: number } {
  const { rank, size } = ranks ?? { rank: 0, size: 1 }
  return { batchSize: microBatchSize(recipe), epochs: 1, lanes: size, ownLanes: { from: rank, to: rank + 1 } }
}

/**
 * The number of updates in passes over the data. It is rounded so that no pass is cut short. An update takes
 * `accumulate` batches.
 */
export function stepsOf(epochs: number, batches: number, accumulate = 1): number {
  return Math.max(1, Math.ceil((epochs * batches) / accumulate - 1e-9))
}
