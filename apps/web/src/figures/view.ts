import { elementAt } from "../checked.ts"
import type { Values } from "../engine/values.ts"

export type Numbers = Float32Array | Float64Array

/** A matrix as row-major values. */
export interface View {
  readonly data: Numbers
  readonly rows: number
  readonly cols: number
}

/** The last two axes of a tensor, at index `index` of the axes before them. */
export function view({ data, shape }: Values, index = 0): View {
  const [rows = 1, cols = 1] = shape.length > 1 ? shape.slice(-2) : [1, ...shape]
  return { data: data.subarray(index * rows * cols, (index + 1) * rows * cols), rows, cols }
}

export const matrix = (data: Numbers, rows: number, cols: number): View => ({ data, rows, cols })

/** @throws RangeError for a place outside the matrix */
export const valueAt = ({ data, cols }: View, row: number, col: number): number => elementAt(data, row * cols + col)

/** A copy of a row, in float64. */
export const rowOf = ({ data, cols }: View, row: number): Float64Array =>
  Float64Array.from(data.subarray(row * cols, (row + 1) * cols))

/** Joins heads side by side: `[heads, tokens, headDim]` → tokens × (heads · headDim). */
export function concatenateHeads({ data, shape }: Values): View {
  const [heads = 1, rows = 1, width = 1] = shape.slice(-3)
  const out = new Float32Array(data.length)
  for (let h = 0; h < heads; h++)
    for (let r = 0; r < rows; r++)
      out.set(data.subarray((h * rows + r) * width, (h * rows + r + 1) * width), (r * heads + h) * width)
  return { data: out, rows, cols: heads * width }
}

/** @throws RangeError if `b` is shorter than `a` */
export function dot(a: Numbers, b: Numbers): number {
  let sum = 0
  for (const [i, value] of a.entries()) sum += value * elementAt(b, i)
  return sum
}

/** The index of the largest value. Of equal values the first counts. */
export function largestIndex(values: Numbers): number {
  let best = 0
  for (const [i, value] of values.entries()) if (value > elementAt(values, best)) best = i
  return best
}

/** The cosine similarity of row `index` with each row from `first` on. */
export function similarity(m: View, index: number, first: number): Float32Array {
  const row = rowOf(m, index)
  const norm = Math.sqrt(dot(row, row))
  return Float32Array.from({ length: m.rows - first }, (_, i) => {
    const otherRow = rowOf(m, i + first)
    return dot(row, otherRow) / (norm * Math.sqrt(dot(otherRow, otherRow)))
  })
}

export function transposed({ data, rows, cols }: View): View {
  const out = new Float32Array(data.length)
  for (const [i, value] of data.entries()) out[(i % cols) * rows + Math.floor(i / cols)] = value
  return { data: out, rows: cols, cols: rows }
}
