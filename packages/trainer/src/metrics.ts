/** What an evaluation found. */
export interface Evaluation {
  readonly examples: number
  /** Mean loss an example. */
  readonly loss: number
  /** Share of examples whose class has the largest logit. */
  readonly top1: number
  /** Share of examples whose class is among the five largest logits. */
  readonly top5: number
  /** Counts by true class (rows) and predicted class. */
  readonly confusion: readonly (readonly number[])[]
}

/** Adds batches up to an evaluation. */
export interface Tally {
  /** logits `[rows, classes]`; rows of weight 0 do not count. */
  add(logits: ArrayLike<number>, losses: ArrayLike<number>, labels: ArrayLike<number>, weights: ArrayLike<number>): void
  result(): Evaluation
}

export function tally(classes: number): Tally {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  let examples = 0
  let loss = 0
  let top1 = 0
  let top5 = 0
  return {
    add(logits, losses, labels, weights) {
      for (let row = 0; row < labels.length; row++) {
        if (weights[row] === 0) continue
        const label = labels[row] as number
        const at = row * classes
        const own = logits[at + label] as number
        let best = 0
        let larger = 0
        for (let c = 0; c < classes; c++) {
          const value = logits[at + c] as number
          if (value > (logits[at + best] as number)) best = c
          // Of equal logits the first one wins, as in argmax.
          if (value > own || (value === own && c < label)) larger++
        }
        examples++
        loss += losses[row] as number
        if (best === label) top1++
        if (larger < 5) top5++
        const counts = confusion[label] as number[]
        counts[best] = (counts[best] as number) + 1
      }
    },
    result: () => ({ examples, loss: loss / examples, top1: top1 / examples, top5: top5 / examples, confusion }),
  }
}
