import { argmax, rowsOf } from "./rows.ts"

/** The result of an evaluation of classes. */
export interface Evaluation {
  readonly examples: number
  /** Mean loss of an example. */
  readonly loss: number
  /** Share of examples whose class has the largest logit. */
  readonly top1: number
  /** Share of examples whose class is among the five largest logits. */
  readonly top5: number
  /** For each class the share of its examples that are right, then the mean over the classes that have examples. */
  readonly meanPerClass: number
  /** Counts by true class (rows) and predicted class; empty beyond `mostDense` classes, where `confusionCells` stands for it. */
  readonly confusion: readonly (readonly number[])[]
  /** The counts that are not 0, by true and predicted class, beyond `mostDense` classes. */
  readonly confusionCells?: readonly ConfusionCell[]
}

/** A cell of a sparse confusion matrix. */
export type ConfusionCell = readonly [trueClass: number, predictedClass: number, count: number]

/** The greatest number of classes whose confusion is a whole matrix. */
export const mostDense = 512

/** Sums the results of batches up to an evaluation. */
export interface Tally {
  /** `logits` is `[rows, classes]`. Rows of weight 0 do not count. */
  add(logits: ArrayLike<number>, losses: ArrayLike<number>, labels: ArrayLike<number>, weights: ArrayLike<number>): void
  /** Adds what `tallyRows` found. */
  addRows(rows: readonly TallyRow[]): void
  result(): Evaluation
}

/** What an evaluation needs of a row: its class, the predicted class, the classes before its own, its loss. */
export type TallyRow = readonly [label: number, predicted: number, rank: number, loss: number]

/** The rows that count among logits `[rows, classes]`: those whose weight is not 0. */
export function tallyRows(
  logits: ArrayLike<number>,
  losses: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number>,
  classes: number,
): TallyRow[] {
  const rows: TallyRow[] = []
  let row = 0
  for (const scores of rowsOf(logits, classes)) {
    const [label = 0, weight, loss = 0] = [labels[row], weights[row], losses[row]]
    row++
    if (weight !== 0) rows.push([label, argmax(scores), rankOf(scores, label), loss])
  }
  return rows
}

/** Collects logits and targets of images with one label, for loss, accuracy and confusion. */
export function tally(classes: number): Tally {
  /** Counts by `true class · classes + predicted class`. A matrix of many classes would not fit into memory. */
  const counts = new Map<number, number>()
  let examples = 0
  let loss = 0
  let top1 = 0
  let top5 = 0
  const addRows = (rows: readonly TallyRow[]): void => {
    for (const [label, predicted, rank, rowLoss] of rows) {
      examples++
      loss += rowLoss
      if (predicted === label) top1++
      if (rank < 5) top5++
      const cell = label * classes + predicted
      counts.set(cell, (counts.get(cell) ?? 0) + 1)
    }
  }
  return {
    add: (logits, losses, labels, weights) => addRows(tallyRows(logits, losses, labels, weights, classes)),
    addRows,
    result: () => {
      const cells = [...counts].sort(([a], [b]) => a - b)
      const confusionCells = cells.map(
        ([cell, count]): ConfusionCell => [Math.floor(cell / classes), cell % classes, count],
      )
      const totals = new Map<number, number>()
      for (const [label, , count] of confusionCells) totals.set(label, (totals.get(label) ?? 0) + count)
      const rates = Array.from(totals, ([label, total]) => (counts.get(label * (classes + 1)) ?? 0) / total)
      const meanPerClass = rates.reduce((a, b) => a + b, 0) / rates.length
      const figures = { examples, loss: loss / examples, top1: top1 / examples, top5: top5 / examples, meanPerClass }
      if (classes > mostDense) return { ...figures, confusion: [], confusionCells }
      const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
      for (const [label, predicted, count] of confusionCells) confusion[label]?.splice(predicted, 1, count)
      return { ...figures, confusion }
    },
  }
}

/**
 * The number of classes that come before the label: those with a larger score, and those with an equal score and a
 * lower index, as in argmax.
 */
function rankOf(scores: Float64Array, label: number): number {
  const score = scores[label] ?? Number.NaN
  return scores.reduce(
    (rank, otherScore, c) => rank + (otherScore > score || (otherScore === score && c < label) ? 1 : 0),
    0,
  )
}

/** The accuracy by labels that several people gave, of which an image may have several. */
export interface RealAccuracy {
  /** Images with at least one label. */
  readonly examples: number
  /** Share of these images whose predicted class is one of their labels. */
  readonly top1: number
}

/**
 * Accuracy on ImageNet's reassessed labels (Beyer et al., "Are we done with ImageNet?", 2020). An image may have
 * several labels. An image without a label does not count.
 * @param predicted the class that the model predicts for each image
 * @param labels the true classes of each image
 */
export function realAccuracy(predicted: Int32Array, labels: readonly (readonly number[])[]): RealAccuracy {
  let examples = 0
  let right = 0
  for (const [image, prediction] of predicted.entries()) {
    const truths = labels[image] ?? []
    if (truths.length === 0) continue
    examples++
    if (truths.includes(prediction)) right++
  }
  return { examples, top1: right / examples }
}
