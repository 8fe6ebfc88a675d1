import { VitrineError } from "@vitrine/core"

export interface Confusion {
  readonly labels: readonly string[]
  /** Images by true class (rows) and predicted class (columns). */
  readonly counts: readonly (readonly number[])[]
  /** The same as shares of each true class, 0 to 1; rows without images are 0. */
  readonly shares: readonly (readonly number[])[]
  /** The share of all images that are on the diagonal. */
  readonly accuracy: number
}

/**
 * The confusion matrix of a classifier, with shares by true class.
 * @param counts `[classes, classes]`, as `evaluate` gives it: true classes down, predicted ones across
 * @throws VitrineError (shape) for a table that is not square, or counts that are none.
 */
export function confusionMatrix(counts: readonly (readonly number[])[], labels: readonly string[]): Confusion {
  const classes = labels.length
  if (classes === 0 || counts.length !== classes || counts.some((row) => row.length !== classes))
    throw new VitrineError("shape", `a confusion matrix of ${classes} labels must have ${classes} rows and columns`)
  if (counts.flat().some((n) => !(Number.isFinite(n) && n >= 0)))
    throw new VitrineError("shape", "a confusion matrix must hold counts of 0 or more")
  const sum = (row: readonly number[]): number => row.reduce((a, b) => a + b, 0)
  const total = sum(counts.map(sum))
  const right = sum(counts.map((row, i) => row[i] as number))
  const shares = counts.map((row) => row.map((n) => (n === 0 ? 0 : n / sum(row))))
  return { labels, counts, shares, accuracy: total === 0 ? 0 : right / total }
}
