import { fold, keyFromSeed, type Programs, type State } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { type Evaluation, tally } from "./metrics.ts"
import type { Objective } from "./objectives/objective.ts"

/**
 * Runs the programs of an `evaluationGraph` over batches, one pass. `state` holds the parameters, unless they are
 * constants of the programs. `onLogits` is shown each batch and its logits, `[size, classes]`.
 */
export async function evaluate(
  programs: Programs,
  batches: AsyncIterable<Batch>,
  objective: Objective,
  state?: State,
  onLogits: (logits: ArrayLike<number>, batch: Batch) => void = () => {},
): Promise<Evaluation> {
  const total = tally(objective.classes)
  for await (const batch of batches) {
    const key = fold(keyFromSeed(0), "evaluation", batch.index)
    const { inputs, labels, weights } = await objective.prepare(batch, key)
    const { logits, losses } = await (await programs.at(batch.size)).run(inputs, state)
    onLogits(logits?.data ?? [], batch)
    total.add(logits?.data ?? [], losses?.data ?? [], labels, weights)
  }
  return total.result()
}
