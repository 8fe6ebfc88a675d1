import type { OrderOptions } from "@vitrine/data"

/** What decides the order of training data. */
export interface Shuffled {
  readonly examples: number
  readonly batchSize: number
  readonly seed: number
  /** Whether each pass leaves out examples that fill no batch; true by default. */
  readonly dropLast?: boolean
}

/** Shuffled passes over the data, after the first `consumed` batches. */
export function trainingOrder(
  { examples, batchSize, seed, dropLast = true }: Shuffled,
  consumed: number,
): OrderOptions {
  const perEpoch = (dropLast ? Math.floor : Math.ceil)(examples / batchSize)
  const start = { epoch: Math.floor(consumed / perEpoch), batch: consumed % perEpoch }
  return { batchSize, seed, shuffle: true, dropLast, start }
}

/** The updates of passes over the data: enough that no pass is cut short, but for rounding. `accumulate` batches make one. */
export function stepsOf(epochs: number, batches: number, accumulate = 1): number {
  return Math.max(1, Math.ceil((epochs * batches) / accumulate - 1e-9))
}
