import type { Features } from "./features.ts"
import { type LinearClassifier, moments, standardized } from "./linear.ts"
import { addScaled, at, dot } from "./vectors.ts"

/**
 * The value of the constant feature whose weight is the bias. It is large, so that the penalty hardly affects the bias.
 */
const biasFeature = 100

/** The penalties that big_vision compares. */
export const leastSquaresPenalties: readonly number[] = Array.from({ length: 30 }, (_, i) => 2 ** (i - 10))

/**
 * Regularised least squares with targets of −1 and 1: the few-shot classifier of the paper (Dosovitskiy et al., 2021,
 * section 4.1). Standardisation and bias are those of big_vision's `fewshot_lsr.py`. The solution is (XᵀX + λI)⁻¹ XᵀY,
 * or Xᵀ(XXᵀ + λI)⁻¹ Y if there are fewer examples than features.
 */
export function leastSquares(train: Features, classes: number, l2s: readonly number[]): LinearClassifier[] {
  const { width, labels } = train
  const rows = labels.length
  const { mean, std } = moments(train)
  const dim = width + 1
  const x = new Float64Array(rows * dim).fill(biasFeature) // [rows, dim]
  const features = standardized(train, { mean, std })
  for (let row = 0; row < rows; row++) x.set(features.subarray(row * width, (row + 1) * width), row * dim)
  const y = new Float64Array(rows * classes).fill(-1) // [rows, classes]
  labels.forEach((label, row) => {
    y[row * classes + label] = 1
  })
  const primal = rows >= dim
  const xt = transposed(x, rows, dim) // [dim, rows]
  const gram = primal ? productWithTransposed(xt, dim, rows) : productWithTransposed(x, rows, dim)
  const side = primal ? product(xt, y, dim, rows, classes) : y
  return l2s.map((l2) => {
    const solved = solvePositive(gram, primal ? dim : rows, l2, side, classes)
    const all = primal ? solved : product(xt, solved, dim, rows, classes) // [dim, classes]
    const bias = all.slice(width * classes).map((w) => w * biasFeature)
    return { mean, std, weights: all.slice(0, width * classes), bias }
  })
}

function transposed(a: Float64Array, rows: number, columns: number): Float64Array {
  const t = new Float64Array(a.length)
  a.forEach((x, i) => {
    t[(i % columns) * rows + Math.floor(i / columns)] = x
  })
  return t
}

/** a `[n, m]` · b `[m, columns]` */
function product(a: Float64Array, b: Float64Array, n: number, m: number, columns: number): Float64Array {
  const out = new Float64Array(n * columns)
  for (let i = 0; i < n; i++)
    for (let k = 0; k < m; k++) addScaled(out, i * columns, at(a, i * m + k), b, k * columns, columns)
  return out
}

/** The lower triangle of a aᵀ, with the diagonal, for a `[n, m]`. */
function productWithTransposed(a: Float64Array, n: number, m: number): Float64Array {
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) for (let k = 0; k <= i; k++) out[i * n + k] = dot(a, i * m, a, k * m, m)
  return out
}

/**
 * Computes (a + l2 I)⁻¹ b by Cholesky's decomposition. a `[n, n]` is positive, and only its lower triangle is read. b
 * is `[n, columns]`.
 */
export function solvePositive(a: Float64Array, n: number, l2: number, b: Float64Array, columns: number): Float64Array {
  const lower = a.slice()
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const remainder = at(lower, i * n + k) - dot(lower, i * n, lower, k * n, k)
      lower[i * n + k] = remainder / at(lower, k * n + k)
    }
    const square = at(lower, i * n + i) + l2 - dot(lower, i * n, lower, i * n, i)
    lower[i * n + i] = Math.sqrt(Math.max(square, Number.MIN_VALUE))
  }
  const x = b.slice()
  const divide = (i: number): void => {
    const row = x.subarray(i * columns, (i + 1) * columns)
    row.set(row.map((value) => value / at(lower, i * n + i)))
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) addScaled(x, i * columns, -at(lower, i * n + k), x, k * columns, columns)
    divide(i)
  }
  for (let i = n - 1; i >= 0; i--) {
    divide(i)
    for (let k = 0; k < i; k++) addScaled(x, k * columns, -at(lower, i * n + k), x, i * columns, columns)
  }
  return x
}
