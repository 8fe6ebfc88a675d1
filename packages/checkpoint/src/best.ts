/** The measures by which checkpoints are compared. */
export interface CheckpointScore {
  /** The score of an evaluation, or null if nothing was measured. Greater is better. */
  readonly score: number | null
  /** The loss on validation data, or null if it is unknown. Smaller is better. */
  readonly loss: number | null
}

/**
 * The best checkpoint of those that were measured, in the order of their steps. The highest score wins; of equal scores
 * the lowest loss, and of equal losses the later step. If a loss is unknown, the earlier one of equal scores wins.
 */
export function bestCheckpoint<C extends CheckpointScore>(checkpoints: readonly C[]): C | undefined {
  let best: C | undefined
  for (const each of checkpoints) if (each.score !== null && (best === undefined || isBetter(each, best))) best = each
  return best
}

function isBetter(later: CheckpointScore, earlier: CheckpointScore): boolean {
  const [score, other] = [later.score ?? Number.NEGATIVE_INFINITY, earlier.score ?? Number.NEGATIVE_INFINITY]
  if (score !== other) return score > other
  return later.loss !== null && earlier.loss !== null && later.loss <= earlier.loss
}
