/** How good a checkpoint is. */
export interface CheckpointScore {
  /** The figure of an evaluation, more being better; null where nothing was measured. */
  readonly score: number | null
  /** The loss on validation data, less being better; null where it is not known. */
  readonly loss: number | null
}

/**
 * The best checkpoint of those that were measured, in the order of their steps: the highest score; of equal scores the lowest
 * loss, and of equal losses the later step. Where a loss is not known, the earlier one of equal scores stays.
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
