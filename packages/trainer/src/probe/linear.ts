import { VitrineError } from "@vitrine/core"
import { rowsOf } from "../rows.ts"
import { type Features, probeAccuracy, selectedRows } from "./features.ts"
import { addScaled, at } from "./vectors.ts"

/** A linear classifier on standardised features: scores = ((x − mean) / std) · weights + bias. */
export interface LinearClassifier {
  /** The mean of each feature over the training examples, [width]. */
  readonly mean: Float64Array
  readonly std: Float64Array
  /** [width, classes] */
  readonly weights: Float64Array
  /** [classes] */
  readonly bias: Float64Array
}

/** The scores of each row, `[rows, classes]`. */
export function linearScores({ mean, std, weights, bias }: LinearClassifier, features: Features): Float64Array {
  const { width, labels } = features
  const classes = bias.length
  const scores = new Float64Array(labels.length * classes)
  const x = standardized(features, { mean, std })
  for (const row of labels.keys()) {
    scores.set(bias, row * classes)
    x.subarray(row * width, (row + 1) * width).forEach((feature, i) =>
      addScaled(scores, row * classes, feature, weights, i * classes, classes),
    )
  }
  return scores
}

/** Mean and standard deviation of each feature. 1e-5 is added to the deviation, as in big_vision, so that none is 0. */
export function moments({ values, width, labels }: Features): { mean: Float64Array; std: Float64Array } {
  const rows = labels.length
  const mean = new Float64Array(width)
  const squares = new Float64Array(width)
  for (const row of rowsOf(values, width))
    addScaled(
      mean,
      0,
      1,
      row.map((x) => x / rows),
      0,
      width,
    )
  for (const row of rowsOf(values, width)) {
    addScaled(row, 0, -1, mean, 0, width)
    addScaled(
      squares,
      0,
      1,
      row.map((d) => (d * d) / rows),
      0,
      width,
    )
  }
  return { mean, std: squares.map((square) => Math.sqrt(square) + 1e-5) }
}

/** (x − mean) / std, `[rows, width]` */
export function standardized(
  { values, width }: Features,
  { mean, std }: { readonly mean: Float64Array; readonly std: Float64Array },
): Float64Array {
  return Float64Array.from(values, (x, i) => (x - at(mean, i % width)) / at(std, i % width))
}

/** Fits one classifier for each strength of the L2 penalty. */
export type Fit = (train: Features, classes: number, l2s: readonly number[]) => LinearClassifier[]

/** A linear classifier and the penalty with which it was fitted. */
export interface ChosenFit {
  readonly classifier: LinearClassifier
  readonly l2: number
}

/** With more examples than this, only the first of the parts is held out. */
const manyRows = 5000

/**
 * Chooses the penalty with the highest accuracy on held-out training examples, then fits on all examples. Each fifth of
 * every class is held out in turn. If a class has fewer than five examples, there are as many parts as it has examples.
 * Of several penalties with equal accuracy, the middle one is chosen.
 */
export function fitByValidation(fit: Fit, train: Features, classes: number, l2s: readonly number[]): ChosenFit {
  const { labels } = train
  if (labels.length === 0) throw new VitrineError("config", "probe: there are no training examples")
  const counts = new Map<number, number>()
  const ranks = Array.from(labels, (label) => {
    const rank = counts.get(label) ?? 0
    counts.set(label, rank + 1)
    return rank
  })
  const parts = Math.min(5, ...counts.values())
  const choices = l2s.map((l2) => ({ l2, correct: 0 }))
  if (parts > 1)
    for (let part = 0; part < (labels.length > manyRows ? 1 : parts); part++) {
      const rows = (heldOut: boolean): number[] =>
        ranks.flatMap((rank, row) => ((rank % parts === part) === heldOut ? [row] : []))
      const outside = selectedRows(train, rows(true))
      const classifiers = fit(selectedRows(train, rows(false)), classes, l2s).values()
      for (const choice of choices) {
        const { value: classifier } = classifiers.next()
        if (classifier)
          choice.correct += outside.labels.length * probeAccuracy(linearScores(classifier, outside), outside.labels)
      }
    }
  const most = Math.max(...choices.map(({ correct }) => correct))
  const best = choices.filter(({ correct }) => correct > most - 0.5)
  const choice = best[best.length >> 1]
  const [classifier] = choice ? fit(train, classes, [choice.l2]) : []
  if (!choice || !classifier) throw new VitrineError("config", "probe: there are no penalties to choose from")
  return { classifier, l2: choice.l2 }
}
