import type { Values } from "../engine/values.ts"

/** A matrix: row-major values. */
export interface View {
  readonly data: ArrayLike<number>
  readonly rows: number
  readonly cols: number
}

/** The last two axes of a tensor, at an index of those before. */
export function view({ data, shape }: Values, index = 0): View {
  const cols = shape.at(-1) ?? 1
  const rows = shape.length > 1 ? (shape.at(-2) as number) : 1
  return { data: data.subarray(index * rows * cols, (index + 1) * rows * cols), rows, cols }
}

export const matrix = (data: ArrayLike<number>, rows: number, cols: number): View => ({ data, rows, cols })

export const valueAt = ({ data, cols }: View, row: number, col: number): number => data[row * cols + col] as number

export function rowOf({ data, cols }: View, row: number): Float64Array {
  return Float64Array.from({ length: cols }, (_, i) => data[row * cols + i] as number)
}

/** Heads side by side: `[heads, tokens, headDim]` → tokens × (heads · headDim). */
export function joined({ data, shape }: Values): View {
  const [heads = 1, rows = 1, width = 1] = shape.slice(-3)
  const out = new Float32Array(data.length)
  for (let h = 0; h < heads; h++)
    for (let r = 0; r < rows; r++)
      out.set(data.subarray((h * rows + r) * width, (h * rows + r + 1) * width), (r * heads + h) * width)
  return { data: out, rows, cols: heads * width }
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

/** Cosine similarity of each row with row `index`. */
export function similarity(m: View, index: number, first: number): Float32Array {
  const own = rowOf(m, index)
  const norm = Math.sqrt(dot(own, own))
  return Float32Array.from({ length: m.rows - first }, (_, i) => {
    const other = rowOf(m, i + first)
    return dot(own, other) / (norm * Math.sqrt(dot(other, other)))
  })
}
