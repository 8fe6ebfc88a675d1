import { VitrineError } from "@vitrine/core"
import { EigenvalueDecomposition, Matrix } from "ml-matrix"

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
 * Principal components of `[samples, dims]` values, by the eigenvectors of the smaller of the two matrices of products.
 * There are `count` of them, or as many as the samples have directions: `min(samples − 1, dims)`, less where the rest has
 * no variance.
 */
export function principalComponents(values: ArrayLike<number>, samples: number, count: number): PrincipalComponents {
  const dims = values.length / samples
  if (!Number.isSafeInteger(dims) || dims === 0 || samples < 2)
    throw new VitrineError(
      "shape",
      `${values.length} values are no table of ${samples} samples, of which there must be 2`,
    )
  const mean = new Float64Array(dims)
  for (let i = 0; i < values.length; i++) mean[i % dims] = (mean[i % dims] as number) + (values[i] as number) / samples
  const centred = Float64Array.from(
    { length: values.length },
    (_, i) => (values[i] as number) - (mean[i % dims] as number),
  )
  const wide = dims > samples
  const { values: eigen, vectors } = symmetricEigen(products(centred, samples, dims, wide))
  const variance = eigen.reduce((total, x) => total + Math.max(x, 0), 0)
  // What is left where nothing varies is the rounding of the mean.
  let size = 0
  for (let i = 0; i < values.length; i++) size += (values[i] as number) ** 2
  const rounding = Math.max(1e-12 * (eigen[0] as number), 1e-24 * size)
  const real = eigen.findIndex((x) => !(x > rounding))
  const kept = Math.min(count, samples - 1, dims, real < 0 ? eigen.length : real)
  const components = new Float64Array(kept * dims)
  for (let k = 0; k < kept; k++) {
    const component = components.subarray(k * dims, (k + 1) * dims)
    if (wide) {
      for (let i = 0; i < samples; i++)
        for (let d = 0; d < dims; d++)
          component[d] = (component[d] as number) + vectors(i, k) * (centred[i * dims + d] as number)
    } else for (let d = 0; d < dims; d++) component[d] = vectors(d, k)
    orient(component)
  }
  const scores = new Float64Array(samples * kept)
  for (let i = 0; i < samples; i++)
    for (let k = 0; k < kept; k++) {
      let sum = 0
      for (let d = 0; d < dims; d++) sum += (centred[i * dims + d] as number) * (components[k * dims + d] as number)
      scores[i * kept + k] = sum
    }
  const explained = eigen.slice(0, kept).map((x) => x / variance)
  return { mean, components, explained, scores }
}

/** `x xᵀ` of a wide table x `[samples, dims]`, else `xᵀ x`. */
function products(x: Float64Array, samples: number, dims: number, wide: boolean): Matrix {
  const size = wide ? samples : dims
  const [along, across, length] = wide ? [dims, 1, dims] : [1, dims, samples]
  const out = new Matrix(size, size)
  for (let i = 0; i < size; i++)
    for (let k = 0; k <= i; k++) {
      let sum = 0
      for (let t = 0; t < length; t++)
        sum += (x[i * along + t * across] as number) * (x[k * along + t * across] as number)
      out.set(i, k, sum)
      out.set(k, i, sum)
    }
  return out
}

/** Largest eigenvalue first; `vectors(i, k)` is entry i of the vector of value k. */
function symmetricEigen(matrix: Matrix): { values: Float64Array; vectors: (i: number, k: number) => number } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true })
  const order = Array.from(realEigenvalues.keys()).sort(
    (a, b) => (realEigenvalues[b] as number) - (realEigenvalues[a] as number),
  )
  return {
    values: Float64Array.from(order, (k) => realEigenvalues[k] as number),
    vectors: (i, k) => eigenvectorMatrix.get(i, order[k] as number),
  }
}

/** To length 1, and to the side on which the entry of largest size is positive: an eigenvector has neither. */
function orient(vector: Float64Array): void {
  const extreme = vector.reduce((a, x) => (Math.abs(x) > Math.abs(a) ? x : a), 0)
  const length = Math.hypot(...vector) * Math.sign(extreme)
  for (let d = 0; d < vector.length; d++) vector[d] = (vector[d] as number) / length
}
