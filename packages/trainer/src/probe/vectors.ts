// Inner loops of linear algebra on parts of arrays.

/** @throws RangeError for an index outside the array. */
export function at(values: Float64Array, place: number): number {
  const value = values[place]
  if (value === undefined) throw new RangeError(`there is no number ${place} among ${values.length}`)
  return value
}

/** Σ a[aStart + i] · b[bStart + i] for i from 0 to n − 1. */
export function dot(a: Float64Array, aStart: number, b: Float64Array, bStart: number, n: number): number {
  let sum = 0
  for (let i = 0; i < n; i++) sum += at(a, aStart + i) * at(b, bStart + i)
  return sum
}

/** target[targetStart + i] += factor · source[sourceStart + i] for i from 0 to n − 1. */
export function addScaled(
  target: Float64Array,
  targetStart: number,
  factor: number,
  source: Float64Array,
  sourceStart: number,
  n: number,
): void {
  for (let i = 0; i < n; i++)
    target[targetStart + i] = at(target, targetStart + i) + factor * at(source, sourceStart + i)
}
