import type { Programs, State } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { type Evaluation, tally } from "./metrics.ts"

/**
 * Runs the programs of an `evaluationGraph` over batches, one pass. `state` holds the parameters, unless they are
 * constants of the programs.
 */
export async function evaluate(
  programs: Programs,
  batches: AsyncIterable<Batch>,
  classes: number,
  state?: State,
): Promise<Evaluation> {
  const total = tally(classes)
  for await (const { images, targets, labels, weights, size } of batches) {
    const { logits, losses } = await (await programs.at(size)).run({ images, targets }, state)
    total.add(logits?.data ?? [], losses?.data ?? [], labels, weights)
  }
  return total.result()
}
