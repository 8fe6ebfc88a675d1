import type { OrderOptions } from "@vitrine/data"

/** The options that determine the order of training data. */
export interface Shuffled {
  readonly examples: number
  readonly batchSize: number
  readonly seed: number
  /** Whether each pass leaves out the examples that do not fill a batch; true by default. */
  readonly dropLast?: boolean
}

/** Shuffled passes over the data, from batch `consumed` on. */
export function trainingOrder(
  { examples, batchSize, seed, dropLast = true }: Shuffled,
  consumed: number,
): OrderOptions {
  const perEpoch = (dropLast ? Math.floor : Math.ceil)(examples / batchSize)
  const start = { epoch: Math.floor(consumed / perEpoch), batch: consumed % perEpoch }
  return { batchSize, seed, shuffle: true, dropLast, start }
}

/**
 * The number of updates in passes over the data. It is rounded so that no pass is cut short. An update takes
 * `accumulate` batches.
 */
export function stepsOf(epochs: number, batches: number, accumulate = 1): number {
  return Math.max(1, Math.ceil((epochs * batches) / accumulate - 1e-9))
}
