import { VitrineError } from "@vitrine/core"
import { EigenvalueDecomposition, Matrix } from "ml-matrix"
import { dot } from "./tensors.ts"

export interface PrincipalComponents {
  /** Of the samples, `[dims]`. */
  readonly mean: Float64Array
  /** `[count, dims]`: directions of length 1, by falling variance; the entry of largest size is positive. */
  readonly components: Float64Array
  /** The share of the whole variance that lies along each component, `[count]`. */
  readonly explained: Float64Array
  /** The samples along the components, `[samples, count]`. */
  readonly scores: Float64Array
}

/**
 * The principal components of `[samples, dims]` values, by the eigenvectors of the smaller of the two matrices of products.
 * There are at most `count`, and at most `min(samples − 1, dims)`; directions without variance are left out.
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
  // Where nothing varies, the rounding of the mean is left.
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

/** The products of all pairs of rows, `x xᵀ`; `mmul` would compute each pair twice. */
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

/** Eigenvalues from the largest on, and an eigenvector for each. */
function symmetricEigen(matrix: Matrix): { readonly variances: number[]; readonly vectors: number[][] } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true })
  const pairs = realEigenvalues
    .map((variance, k) => ({ variance, vector: eigenvectorMatrix.getColumn(k) }))
    .sort((a, b) => b.variance - a.variance)
  return { variances: pairs.map(({ variance }) => variance), vectors: pairs.map(({ vector }) => vector) }
}

/** A vector at length 1, turned so that its entry of largest size is positive: an eigenvector has no sign of its own. */
function oriented(vector: readonly number[]): number[] {
  const extreme = vector.reduce((a, x) => (Math.abs(x) > Math.abs(a) ? x : a), 0)
  const length = Math.hypot(...vector) * Math.sign(extreme)
  return vector.map((x) => x / length)
}
