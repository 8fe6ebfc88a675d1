import { VitrineError } from "@vitrine/core"
import { probeAccuracy, type Features, rowsOf } from "./features.ts"

/** A linear classifier on standardised features: scores = ((x − mean) / std) · weights + bias. */
export interface LinearClassifier {
  /** Of each feature over the training examples, [width]. */
  readonly mean: Float64Array
  readonly std: Float64Array
  /** [width, classes] */
  readonly weights: Float64Array
  /** [classes] */
  readonly bias: Float64Array
}

/** The scores of each row, `[rows, classes]`. */
export function linearScores({ mean, std, weights, bias }: LinearClassifier, features: Features): Float64Array {
  const { values, width, labels } = features
  const classes = bias.length
  const scores = new Float64Array(labels.length * classes)
  for (let row = 0; row < labels.length; row++) {
    scores.set(bias, row * classes)
    for (let i = 0; i < width; i++) {
      const x = ((values[row * width + i] as number) - (mean[i] as number)) / (std[i] as number)
      for (let c = 0; c < classes; c++)
        scores[row * classes + c] = (scores[row * classes + c] as number) + x * (weights[i * classes + c] as number)
    }
  }
  return scores
}

/** Mean and standard deviation of each feature; the deviation has 1e-5 added, as in big_vision, so that none is 0. */
export function moments({ values, width, labels }: Features): { mean: Float64Array; std: Float64Array } {
  const rows = labels.length
  const mean = new Float64Array(width)
  const squares = new Float64Array(width)
  for (let at = 0; at < values.length; at++)
    mean[at % width] = (mean[at % width] as number) + (values[at] as number) / rows
  for (let at = 0; at < values.length; at++) {
    const d = (values[at] as number) - (mean[at % width] as number)
    squares[at % width] = (squares[at % width] as number) + (d * d) / rows
  }
  return { mean, std: squares.map((square) => Math.sqrt(square) + 1e-5) }
}

/** (x − mean) / std, `[rows, width]` */
export function standardized(
  { values, width }: Features,
  { mean, std }: { readonly mean: Float64Array; readonly std: Float64Array },
): Float64Array {
  return Float64Array.from(values, (x, at) => (x - (mean[at % width] as number)) / (std[at % width] as number))
}

/** Fits one classifier for each strength of the L2 penalty. */
export type Fit = (train: Features, classes: number, l2s: readonly number[]) => LinearClassifier[]

export interface ChosenFit {
  readonly classifier: LinearClassifier
  readonly l2: number
}

/** With more examples than this, one part in five is held out once instead of each in turn. */
const manyRows = 5000

/**
 * Fits with the penalty that does best on examples held out of the training set: each fifth of every class in turn, or
 * fewer parts where a class has fewer examples. Of equal accuracies the middle one wins. Then fits on all.
 */
export function fitByValidation(fit: Fit, train: Features, classes: number, l2s: readonly number[]): ChosenFit {
  const { labels } = train
  if (labels.length === 0) throw new VitrineError("config", "probe: there are no training examples")
  const seen = new Int32Array(classes)
  const part = Array.from(labels, (label) => (seen[label] = (seen[label] as number) + 1) - 1)
  const parts = Math.min(5, ...seen.filter((count) => count > 0))
  const correct = new Float64Array(l2s.length)
  if (parts > 1)
    for (let held = 0; held < (labels.length > manyRows ? 1 : parts); held++) {
      const places = (own: boolean): number[] =>
        part.flatMap((place, row) => ((place % parts === held) === own ? [row] : []))
      const outside = rowsOf(train, places(true))
      for (const [i, classifier] of fit(rowsOf(train, places(false)), classes, l2s).entries())
        correct[i] =
          (correct[i] as number) +
          outside.labels.length * probeAccuracy(linearScores(classifier, outside), outside.labels)
    }
  const most = Math.max(...correct)
  const best = l2s.filter((_, i) => (correct[i] as number) > most - 0.5)
  const l2 = best[best.length >> 1] as number
  const [classifier] = fit(train, classes, [l2])
  return { classifier: classifier as LinearClassifier, l2 }
}
