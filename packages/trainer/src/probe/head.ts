import { argmax, rowsOf } from "../rows.ts"
import { type Features, selectedRows } from "./features.ts"
import { leastSquares } from "./least-squares.ts"
import { type LinearClassifier, linearScores } from "./linear.ts"

/** A linear layer on a model's pooled features: logits = weight · features + bias. */
export interface LinearHead {
  /** [classes, width] */
  readonly weight: Float32Array
  /** [classes] */
  readonly bias: Float32Array
  /** The penalty with which it was fitted. */
  readonly l2: number
  /** The guesses of heads that had not seen a row or its group, or null if some class has too few groups. */
  readonly heldOut: HeldOut | null
}

/** Guesses on rows that were held out in turn. */
export interface HeldOut {
  /** The class with the highest score, [rows]. */
  readonly guesses: Int32Array
  /** The share of right guesses. */
  readonly accuracy: number
}

/** Fewer groups of a class than this do not tell an accuracy. */
export const leastGroups = 5

/** A third of the penalties that a probe compares. They keep a head within a second. */
const penalties = Array.from({ length: 10 }, (_, i) => 2 ** (3 * i - 10))

/**
 * Fits a linear head to few examples by regularised least squares, as `leastSquares` does. Penalty, accuracy and the
 * scale of the logits come from cross-validation, in which the rows of a group are held out together: frames of one
 * film, copies of a picture, a picture and its mirror image.
 *
 * @param groups the group of each row, [rows]; by default each row is one
 * @param measured whether the accuracy counts a row, [rows]; by default it counts all. Mirror images are left out of it.
 */
export function fitHead(
  train: Features,
  classes: number,
  groups: ArrayLike<number> = Int32Array.from(train.labels.keys()),
  measured: ArrayLike<boolean> = Array.from(train.labels, () => true),
): LinearHead {
  const least = Math.min(...groupsOf(train.labels, groups, classes))
  const folds = Math.min(leastGroups, least)
  if (folds < 2) {
    const l2 = at(penalties, penalties.length >> 1)
    return { ...folded(train, classes, l2, 1), l2, heldOut: null }
  }
  const part = foldsOf(train.labels, groups, folds)
  const scores = heldOutScores(train, classes, part, folds)
  const rows = [...train.labels.keys()].filter((row) => measured[row] === true)
  const correct = scores.map((each) => correctOf(each, train.labels, rows, part, folds))
  const totals = correct.map((counts) => counts.reduce((a, b) => a + b, 0))
  const choice = middleOfBest(totals)
  // The penalty of a fold is the one that is best on the other folds, so that no picture chooses for itself.
  const guesses = new Int32Array(train.labels.length)
  for (let fold = 0; fold < folds; fold++) {
    const best = middleOfBest(correct.map((counts, i) => at(totals, i) - at(counts, fold)))
    const predictions = guessesOf(scores[best] ?? new Float64Array(), classes)
    for (const [row, guess] of predictions.entries()) if (part[row] === fold) guesses[row] = guess
  }
  const right = rows.filter((row) => guesses[row] === train.labels[row]).length
  const l2 = at(penalties, choice)
  const scale = likeliestScale(scores[choice] ?? new Float64Array(), train.labels, classes)
  const heldOut = least < leastGroups ? null : { guesses, accuracy: right / rows.length }
  return { ...folded(train, classes, l2, scale), l2, heldOut }
}

/** The number of groups of each class. */
export function groupsOf(labels: ArrayLike<number>, groups: ArrayLike<number>, classes: number): number[] {
  return Array.from({ length: classes }, (_, label) => {
    const ofClass = Array.from(groups).filter((_, row) => labels[row] === label)
    return new Set(ofClass).size
  })
}

/** A part for each row. The groups of a class are spread evenly, the largest first. */
function foldsOf(labels: Int32Array, groups: ArrayLike<number>, folds: number): Int32Array {
  const sizes = new Map<number, { label: number; count: number }>()
  for (const [row, label] of labels.entries()) {
    const group = at(groups, row)
    sizes.set(group, { label, count: (sizes.get(group)?.count ?? 0) + 1 })
  }
  const order = [...sizes].sort(([, a], [, b]) => a.label - b.label || b.count - a.count)
  const fold = new Map<number, number>()
  let [label, next] = [-1, 0]
  for (const [group, size] of order) {
    if (size.label !== label) [label, next] = [size.label, 0]
    fold.set(group, next++ % folds)
  }
  return Int32Array.from(groups, (group) => fold.get(group) ?? 0)
}

/** For each penalty, the scores of each row by a classifier that has not seen its part, [rows, classes]. */
function heldOutScores(train: Features, classes: number, part: Int32Array, folds: number): Float64Array[] {
  const all = penalties.map(() => new Float64Array(train.labels.length * classes))
  for (let fold = 0; fold < folds; fold++) {
    const rows = (heldOut: boolean): number[] => [...part.keys()].filter((row) => (part[row] === fold) === heldOut)
    const places = rows(true)
    const outside = selectedRows(train, places)
    const classifiers = leastSquares(selectedRows(train, rows(false)), classes, penalties)
    for (const [i, classifier] of classifiers.entries()) {
      const scores = linearScores(classifier, outside)
      for (const [row, place] of places.entries())
        all[i]?.set(scores.subarray(row * classes, (row + 1) * classes), place * classes)
    }
  }
  return all
}

const guessesOf = (scores: Float64Array, classes: number): Int32Array =>
  Int32Array.from(rowsOf(scores, classes), argmax)

/** The number of right guesses in each part. */
function correctOf(
  scores: Float64Array,
  labels: Int32Array,
  rows: readonly number[],
  part: Int32Array,
  folds: number,
): number[] {
  const counts = Array.from({ length: folds }, () => 0)
  const guesses = guessesOf(scores, scores.length / labels.length)
  for (const row of rows) {
    const fold = at(part, row)
    if (guesses[row] === labels[row]) counts[fold] = at(counts, fold) + 1
  }
  return counts
}

/** The index of the highest count, or the middle one of several. */
function middleOfBest(counts: readonly number[]): number {
  const most = Math.max(...counts)
  const best = [...counts.keys()].filter((i) => counts[i] === most)
  return best[best.length >> 1] ?? 0
}

/** The factor of the scores whose softmax gives the labels the highest likelihood, from 1 to 16. */
function likeliestScale(scores: Float64Array, labels: Int32Array, classes: number): number {
  const loss = (scale: number): number => {
    let sum = 0
    for (const [row, label] of labels.entries()) {
      const logits = scores.subarray(row * classes, (row + 1) * classes).map((score) => scale * score)
      const largest = logits.reduce((a, b) => Math.max(a, b))
      sum += largest + Math.log(logits.reduce((total, z) => total + Math.exp(z - largest), 0)) - at(logits, label)
    }
    return sum
  }
  const scales = Array.from({ length: 17 }, (_, i) => 2 ** (i / 4))
  return scales.reduce((best, scale) => (loss(scale) < loss(best) ? scale : best))
}

/** The layer that computes a classifier's scores from features that are not standardised. */
function folded(train: Features, classes: number, l2: number, scale: number): Pick<LinearHead, "weight" | "bias"> {
  const [classifier] = leastSquares(train, classes, [l2])
  return classifier === undefined ? { weight: new Float32Array(), bias: new Float32Array() } : fold(classifier, scale)
}

function fold({ mean, std, weights, bias }: LinearClassifier, scale: number): Pick<LinearHead, "weight" | "bias"> {
  const [classes, width] = [bias.length, mean.length]
  const weight = new Float32Array(classes * width)
  const shift = bias.slice()
  for (let i = 0; i < width; i++)
    for (let c = 0; c < classes; c++) {
      const w = at(weights, i * classes + c) / at(std, i)
      weight[c * width + i] = scale * w
      shift[c] = at(shift, c) - w * at(mean, i)
    }
  return { weight, bias: Float32Array.from(shift, (b) => scale * b) }
}

function at(values: ArrayLike<number>, place: number): number {
  const value = values[place]
  if (value === undefined) throw new RangeError(`there is no number ${place} among ${values.length}`)
  return value
}
