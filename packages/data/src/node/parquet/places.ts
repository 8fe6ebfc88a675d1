import { at } from "../../at.ts"

/** The first row of each file. */
export function startsOf(files: readonly { readonly rows: number }[]): number[] {
  let row = 0
  return files.map(({ rows }) => {
    row += rows
    return row - rows
  })
}

/** The file of a row, and the row's place in it. */
export function placeOf(starts: readonly number[], row: number): readonly [file: number, row: number] {
  const file = lastIndex(starts.length, (i) => at(starts, i) <= row)
  return [file, row - at(starts, file)]
}

/** The last index for which a condition holds that holds for all before it; 0 if it never holds. */
export function lastIndex(count: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, count - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (holds(middle)) low = middle
    else high = middle - 1
  }
  return low
}
