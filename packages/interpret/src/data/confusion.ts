import { VitrineError } from "@vitrine/core"

/** The confusion matrix of a classifier. */
export interface Confusion {
  readonly labels: readonly string[]
  /** Numbers of images, `[true class][predicted class]`. */
  readonly counts: readonly (readonly number[])[]
  /** The counts divided by the number of images of the true class, 0 to 1. They are 0 for a class without images. */
  readonly shares: readonly (readonly number[])[]
  /** The share of all images on the diagonal. */
  readonly accuracy: number
}

/**
 * The confusion matrix of a classifier, with shares of each true class.
 * @param counts `[true class][predicted class]`, as `evaluate` of the package vitrine gives them
 * @throws VitrineError (shape) for a table that is not square, and for counts below 0
 */
export function confusionMatrix(counts: readonly (readonly number[])[], labels: readonly string[]): Confusion {
  const classes = labels.length
  if (classes > most)
    throw new VitrineError(
      "shape",
      `${classes} classes are too many for a picture of a confusion matrix: ${most} at most`,
    )
  if (classes === 0 || counts.length !== classes || counts.some((row) => row.length !== classes))
    throw new VitrineError("shape", `a confusion matrix of ${classes} labels must have ${classes} rows and columns`)
  if (counts.flat().some((n) => !(Number.isFinite(n) && n >= 0)))
    throw new VitrineError("shape", "a confusion matrix must hold counts of 0 or more")
  const total = sum(counts.map(sum))
  const diagonal = sum(counts.flatMap((row, i) => row.slice(i, i + 1)))
  const shares = counts.map((row) => row.map((n) => (n === 0 ? 0 : n / sum(row))))
  return { labels, counts, shares, accuracy: total === 0 ? 0 : diagonal / total }
}

/** The greatest number of classes that can be drawn. */
const most = 512

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
