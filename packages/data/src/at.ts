// Items of lists at computed places. There is one function for each kind of array in inner loops, so that engines
// compile each to a plain read.

/** @throws RangeError for a place outside the list */
export function at<T>(list: ArrayLike<T>, place: number): T {
  return list[place] ?? outside(list, place)
}

/** @throws RangeError for a place outside the bytes */
export function byteAt(bytes: Uint8Array, place: number): number {
  return bytes[place] ?? outside(bytes, place)
}

/** @throws RangeError for a place outside the numbers */
export function floatAt(numbers: Float32Array, place: number): number {
  return numbers[place] ?? outside(numbers, place)
}

function outside(list: ArrayLike<unknown>, place: number): never {
  throw new RangeError(`there is no item ${place} among ${list.length}`)
}
