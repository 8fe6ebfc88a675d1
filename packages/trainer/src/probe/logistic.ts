import type { Features } from "./features.ts"
import { type LinearClassifier, moments, standardized } from "./linear.ts"
import { minimize } from "./minimize.ts"

export const logisticPenalties: readonly number[] = [1e-4, 1e-3, 1e-2, 1e-1, 1]

/**
 * Multinomial logistic regression on standardised features: the mean cross-entropy plus l2 / 2 · ‖weights‖², the bias free;
 * scikit-learn's `LogisticRegression(C=1 / (l2 · rows))`.
 */
export function logisticRegression(train: Features, classes: number, l2s: readonly number[]): LinearClassifier[] {
  const { width, labels } = train
  const { mean, std } = moments(train)
  const x = standardized(train, { mean, std })
  return l2s.map((l2) => {
    const start = new Float64Array((width + 1) * classes)
    const found = minimize((at) => crossEntropy(at, x, labels, width, classes, l2), start)
    const split = width * classes
    return { mean, std, weights: found.slice(0, split), bias: found.slice(split) }
  })
}

/** The objective and its gradient at weights `[width, classes]` followed by the bias `[classes]`. */
function crossEntropy(
  at: Float64Array,
  x: Float64Array,
  labels: Int32Array,
  width: number,
  classes: number,
  l2: number,
): { value: number; gradient: Float64Array } {
  const rows = labels.length
  const split = width * classes
  const gradient = at.map((w, i) => (i < split ? l2 * w : 0))
  let value = 0
  for (let i = 0; i < split; i++) value += (l2 / 2) * (at[i] as number) ** 2
  const logits = new Float64Array(classes)
  for (let row = 0; row < rows; row++) {
    logits.set(at.subarray(split))
    for (let i = 0; i < width; i++) {
      const feature = x[row * width + i] as number
      for (let c = 0; c < classes; c++) logits[c] = (logits[c] as number) + feature * (at[i * classes + c] as number)
    }
    const largest = logits.reduce((a, b) => Math.max(a, b))
    const label = labels[row] as number
    const own = logits[label] as number
    let total = 0
    for (let c = 0; c < classes; c++) total += logits[c] = Math.exp((logits[c] as number) - largest)
    value += (Math.log(total) + largest - own) / rows
    for (let c = 0; c < classes; c++) logits[c] = ((logits[c] as number) / total - (c === label ? 1 : 0)) / rows
    for (let i = 0; i < width; i++) {
      const feature = x[row * width + i] as number
      for (let c = 0; c < classes; c++)
        gradient[i * classes + c] = (gradient[i * classes + c] as number) + feature * (logits[c] as number)
    }
    for (let c = 0; c < classes; c++) gradient[split + c] = (gradient[split + c] as number) + (logits[c] as number)
  }
  return { value, gradient }
}
