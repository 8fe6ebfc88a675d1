/** The rows of a matrix `[rows, width]`, in double precision. */
export function* rowsOf(values: ArrayLike<number>, width: number): Generator<Float64Array, void, void> {
  const all = Float64Array.from(values)
  for (let begin = 0; begin < all.length; begin += width) yield all.subarray(begin, begin + width)
}

/** The index of the largest value. Of equal values the first counts. */
export function argmax(values: Iterable<number>): number {
  let [best, largest, place] = [0, Number.NEGATIVE_INFINITY, 0]
  for (const value of values) {
    if (place === 0 || value > largest) [best, largest] = [place, value]
    place++
  }
  return best
}
