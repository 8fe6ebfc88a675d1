import type { Programs, State } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { type Evaluation, tally } from "./metrics.ts"

/**
 * Runs the programs of an `evaluationGraph` over batches, one pass. `state` holds the parameters, unless they are
 * constants of the programs. `onLogits` is shown each batch and its logits, `[size, classes]`.
 */
export async function evaluate(
  programs: Programs,
  batches: AsyncIterable<Batch>,
  classes: number,
  state?: State,
  onLogits: (logits: ArrayLike<number>, batch: Batch) => void = () => {},
): Promise<Evaluation> {
  const total = tally(classes)
  for await (const batch of batches) {
    const { images, targets, labels, weights, size } = batch
    const { logits, losses } = await (await programs.at(size)).run({ images, targets }, state)
    onLogits(logits?.data ?? [], batch)
    total.add(logits?.data ?? [], losses?.data ?? [], labels, weights)
  }
  return total.result()
}
