import { VitrineError } from "@vitrine/core"
import { EigenvalueDecomposition, Matrix } from "ml-matrix"
import { dot } from "./tensors.ts"

/** Principal components of samples, `[samples, dims]`. */
export interface PrincipalComponents {
  /** The mean of the samples, `[dims]`. */
  readonly mean: Float64Array
  /**
   * `[count, dims]`: directions of length 1, in order of falling variance. The entry with the largest magnitude is
   * positive.
   */
  readonly components: Float64Array
  /** The share of the total variance along each component, `[count]`. */
  readonly explained: Float64Array
  /** The coordinates of the samples along the components, `[samples, count]`. */
  readonly scores: Float64Array
}

/**
 * The principal components of `[samples, dims]` values. They are computed from the eigenvectors of `x xᵀ` or `xᵀ x`,
 * whichever is smaller. There are at most `count`, and at most `min(samples − 1, dims)`. Directions without variance
 * are left out.
 * @throws VitrineError (shape) for fewer than two samples, and for values that do not fill a table
 */
export function principalComponents(values: ArrayLike<number>, samples: number, count: number): PrincipalComponents {
  const dims = values.length / samples
  if (!Number.isSafeInteger(dims) || dims === 0 || samples < 2)
    throw new VitrineError(
      "shape",
      `${values.length} values are no table of ${samples} samples, of which there must be 2`,
    )
  const table = Matrix.from1DArray(samples, dims, values)
  const mean = table.mean("column")
  const centred = table.clone().subRowVector(mean)
  const wide = dims > samples
  const transposed = centred.transpose()
  const { variances, vectors } = symmetricEigen(products(wide ? centred : transposed))
  const total = variances.reduce((sum, x) => sum + Math.max(x, 0), 0)
  // If nothing varies, the eigenvalues are the rounding errors of the mean. They must not count as variance.
  const rounding = Math.max(1e-12 * Math.max(...variances), 1e-24 * table.norm("frobenius") ** 2)
  const varying = variances.filter((x) => x > rounding).slice(0, Math.min(count, samples - 1, dims))
  const directions = vectors.slice(0, varying.length).map((vector) => {
    const along = wide ? transposed.mmul(Matrix.columnVector(vector)).to1DArray() : vector
    return oriented(along)
  })
  return {
    mean: Float64Array.from(mean),
    components: Float64Array.from(directions.flat()),
    explained: Float64Array.from(varying, (x) => x / total),
    scores: Float64Array.from(
      directions.length === 0 ? [] : centred.mmul(new Matrix(directions).transpose()).to1DArray(),
    ),
  }
}

/** The products of all pairs of rows, `x xᵀ`. Each pair is computed once; `mmul` would compute it twice. */
function products(x: Matrix): Matrix {
  const rows = Array.from({ length: x.rows }, (_, i) => Float64Array.from(x.getRow(i)))
  const out = new Matrix(rows.length, rows.length)
  for (const [i, a] of rows.entries())
    for (const [k, b] of rows.slice(0, i + 1).entries()) {
      const product = dot(a, b)
      out.set(i, k, product)
      out.set(k, i, product)
    }
  return out
}

/** Eigenvalues in falling order, and an eigenvector for each. */
function symmetricEigen(matrix: Matrix): { readonly variances: number[]; readonly vectors: number[][] } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true })
  const pairs = realEigenvalues
    .map((variance, k) => ({ variance, vector: eigenvectorMatrix.getColumn(k) }))
    .sort((a, b) => b.variance - a.variance)
  return { variances: pairs.map(({ variance }) => variance), vectors: pairs.map(({ vector }) => vector) }
}

/** A vector with length 1 whose entry of the largest magnitude is positive. Eigenvectors have no sign of their own. */
function oriented(vector: readonly number[]): number[] {
  const extreme = vector.reduce((a, x) => (Math.abs(x) > Math.abs(a) ? x : a), 0)
  const length = Math.hypot(...vector) * Math.sign(extreme)
  return vector.map((x) => x / length)
}
