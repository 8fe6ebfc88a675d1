import type { Features } from "./features.ts"
import { type LinearClassifier, moments, standardized } from "./linear.ts"
import { minimize } from "./minimize.ts"
import { addScaled, at } from "./vectors.ts"

/** The penalties among which logistic regression chooses. */
export const logisticPenalties: readonly number[] = [1e-4, 1e-3, 1e-2, 1e-1, 1]

/**
 * Multinomial logistic regression on standardised features. It minimises the mean cross-entropy plus l2 / 2 ·
 * ‖weights‖², and does not penalise the bias. scikit-learn's `LogisticRegression(C=1 / (l2 · rows))` does the same.
 */
export function logisticRegression(train: Features, classes: number, l2s: readonly number[]): LinearClassifier[] {
  const { width, labels } = train
  const { mean, std } = moments(train)
  const x = standardized(train, { mean, std })
  return l2s.map((l2) => {
    const start = new Float64Array((width + 1) * classes)
    const solution = minimize((point) => crossEntropy(point, x, labels, width, classes, l2), start)
    const split = width * classes
    return { mean, std, weights: solution.slice(0, split), bias: solution.slice(split) }
  })
}

/** The loss and its gradient. `at` holds the weights `[width, classes]` and then the bias `[classes]`. */
function crossEntropy(
  point: Float64Array,
  x: Float64Array,
  labels: Int32Array,
  width: number,
  classes: number,
  l2: number,
): { value: number; gradient: Float64Array } {
  const rows = labels.length
  const split = width * classes
  const gradient = point.map((w, i) => (i < split ? l2 * w : 0))
  let value = point.subarray(0, split).reduce((sum, w) => sum + (l2 / 2) * w ** 2, 0)
  for (const [row, label] of labels.entries()) {
    const features = x.subarray(row * width, (row + 1) * width)
    const logits = point.slice(split)
    features.forEach((feature, i) => addScaled(logits, 0, feature, point, i * classes, classes))
    const largest = logits.reduce((a, b) => Math.max(a, b))
    const exponentials = logits.map((z) => Math.exp(z - largest))
    const total = exponentials.reduce((a, b) => a + b)
    value += (Math.log(total) + largest - at(logits, label)) / rows
    const slopes = exponentials.map((e, c) => (e / total - (c === label ? 1 : 0)) / rows)
    features.forEach((feature, i) => addScaled(gradient, i * classes, feature, slopes, 0, classes))
    addScaled(gradient, split, 1, slopes, 0, classes)
  }
  return { value, gradient }
}
