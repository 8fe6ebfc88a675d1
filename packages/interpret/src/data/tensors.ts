import { type HostTensor, VitrineError } from "@vitrine/core"

/** A size for each name of a dimension. */
type Sizes<Names extends readonly string[]> = { readonly [I in keyof Names]: number }

/**
 * Checks that a tensor has the named dimensions, such as `["batch", "heads", "tokens", "tokens"]`, and returns its
 * shape.
 * @throws VitrineError (shape) for another number of dimensions, for data that do not fill them, and for values that
 *   are not finite
 */
export function shapeOf<const Names extends readonly string[]>(
  { data, shape }: HostTensor,
  names: Names,
  name: string,
): Sizes<Names> {
  const fault = (suffix = ""): VitrineError =>
    new VitrineError("shape", `${name} must be [${names.join(", ")}], got [${shape.join(", ")}]${suffix}`)
  if (!hasSizes(shape, names)) throw fault()
  if (product(shape) !== data.length) throw fault(` with ${data.length} values`)
  const at = data.findIndex((x) => !Number.isFinite(x))
  if (at >= 0) throw new VitrineError("shape", `${name}: value ${at} is ${data[at]}, which cannot be drawn`)
  return shape
}

const hasSizes = <Names extends readonly string[]>(shape: readonly number[], names: Names): shape is Sizes<Names> =>
  shape.length === names.length && shape.every((size) => Number.isSafeInteger(size) && size > 0)

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)

/** Adds `factor · values[i]` to each `sums[i]`. */
export function addScaled(sums: Float64Array, values: ArrayLike<number>, factor: number): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0) + factor * (values[i] ?? 0)
}

export function sum(values: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i] ?? 0
  return total
}

/** The sum of the products of two vectors' entries. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += (a[i] ?? 0) * (b[i] ?? 0)
  return total
}

/** A vector scaled to length 1. A vector of zeros stays as it is. */
export function unit(values: ArrayLike<number>): Float64Array {
  const length = Math.sqrt(dot(values, values))
  return Float64Array.from(values, (x) => (length === 0 ? 0 : x / length))
}

/** The cosine of the angle between two vectors from `unit`; 0 if one of them is zero. */
export const cosine = (a: Float64Array, b: Float64Array): number => Math.min(1, Math.max(-1, dot(a, b)))
