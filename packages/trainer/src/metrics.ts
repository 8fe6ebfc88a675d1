/** What an evaluation of classes found. */
export interface Evaluation {
  readonly examples: number
  /** Mean loss an example. */
  readonly loss: number
  /** Share of examples whose class has the largest logit. */
  readonly top1: number
  /** Share of examples whose class is among the five largest logits. */
  readonly top5: number
  /** Mean over the classes that have examples of the share that is right. */
  readonly meanPerClass: number
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
    result: () => {
      const rates = confusion.flatMap((row, label) => {
        const count = row.reduce((a, b) => a + b, 0)
        return count === 0 ? [] : [(row[label] as number) / count]
      })
      const meanPerClass = rates.reduce((a, b) => a + b, 0) / rates.length
      return { examples, loss: loss / examples, top1: top1 / examples, top5: top5 / examples, meanPerClass, confusion }
    },
  }
}

export interface RealAccuracy {
  /** Images with at least one label. */
  readonly examples: number
  /** Share of them whose predicted class is among their labels. */
  readonly top1: number
}

/**
 * ImageNet's reassessed labels (Beyer et al., "Are we done with ImageNet?", 2020): an image may have several, and one that
 * has none does not count.
 * @param predicted the class of each image
 * @param labels the classes of each image
 */
export function realAccuracy(predicted: Int32Array, labels: readonly (readonly number[])[]): RealAccuracy {
  let examples = 0
  let right = 0
  labels.forEach((own, image) => {
    if (own.length === 0) return
    examples++
    if (own.includes(predicted[image] as number)) right++
  })
  return { examples, top1: right / examples }
}
