import type { Features } from "./features.ts"
import { type LinearClassifier, moments, standardized } from "./linear.ts"

/** The feature that stands for the bias: so large that its weight is hardly penalised. */
const biasFeature = 100

/** The penalties that big_vision tries. */
export const leastSquaresPenalties: readonly number[] = Array.from({ length: 30 }, (_, i) => 2 ** (i - 10))

/**
 * Regularised least squares onto targets of −1 and 1, the few-shot classifier of the paper (Dosovitskiy et al., 2021,
 * section 4.1), with the standardisation and the bias of big_vision's `fewshot_lsr.py`:
 * (XᵀX + λI)⁻¹ XᵀY, or where there are fewer examples than features Xᵀ(XXᵀ + λI)⁻¹ Y.
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
  for (let i = 0; i < rows; i++) for (let k = 0; k < columns; k++) t[k * rows + i] = a[i * columns + k] as number
  return t
}

/** a `[n, m]` · b `[m, columns]` */
function product(a: Float64Array, b: Float64Array, n: number, m: number, columns: number): Float64Array {
  const out = new Float64Array(n * columns)
  for (let i = 0; i < n; i++)
    for (let k = 0; k < m; k++) {
      const factor = a[i * m + k] as number
      for (let c = 0; c < columns; c++)
        out[i * columns + c] = (out[i * columns + c] as number) + factor * (b[k * columns + c] as number)
    }
  return out
}

/** a aᵀ for a `[n, m]`, the part on and below the diagonal. */
function productWithTransposed(a: Float64Array, n: number, m: number): Float64Array {
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++)
    for (let k = 0; k <= i; k++) {
      let sum = 0
      for (let j = 0, p = i * m, q = k * m; j < m; j++, p++, q++) sum += (a[p] as number) * (a[q] as number)
      out[i * n + k] = sum
    }
  return out
}

/** (a + l2 I)⁻¹ b by Cholesky's decomposition, for a positive a `[n, n]` given by its lower part, and b `[n, columns]`. */
export function solvePositive(a: Float64Array, n: number, l2: number, b: Float64Array, columns: number): Float64Array {
  const lower = a.slice()
  for (let i = 0; i < n; i++) {
    for (let k = 0; k <= i; k++) {
      let sum = (lower[i * n + k] as number) + (i === k ? l2 : 0)
      for (let j = 0, p = i * n, q = k * n; j < k; j++, p++, q++) sum -= (lower[p] as number) * (lower[q] as number)
      lower[i * n + k] = i === k ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / (lower[k * n + k] as number)
    }
  }
  const x = b.slice()
  const reduce = (i: number, k: number, factor: number): void => {
    for (let c = 0; c < columns; c++)
      x[i * columns + c] = (x[i * columns + c] as number) - factor * (x[k * columns + c] as number)
  }
  const scale = (i: number): void => {
    for (let c = 0; c < columns; c++) x[i * columns + c] = (x[i * columns + c] as number) / (lower[i * n + i] as number)
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) reduce(i, k, lower[i * n + k] as number)
    scale(i)
  }
  for (let i = n - 1; i >= 0; i--) {
    scale(i)
    for (let k = 0; k < i; k++) reduce(k, i, lower[i * n + k] as number)
  }
  return x
}
