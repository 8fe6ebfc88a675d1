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
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (at(starts, middle) <= row) low = middle
    else high = middle - 1
  }
  return [low, row - at(starts, low)]
}
