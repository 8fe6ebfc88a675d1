import { byteAt } from "../at.ts"
import { type Coefficients, precisionBits } from "./coefficients.ts"

/** A pass along rows: [rows, inWidth, channels] → [rows, outWidth, channels]. */
export interface ColumnsPass {
  readonly makes: "columns"
  readonly rows: number
  readonly inWidth: number
  readonly channels: number
  /** The column of the image that is the first of the source. */
  readonly first: number
  readonly weights: Coefficients
}

/** A pass along columns: [inRows, width, channels] → [outRows, width, channels]. */
export interface RowsPass {
  readonly makes: "rows"
  readonly rowBytes: number
  /** The row of the image that is the first of the source. */
  readonly first: number
  readonly weights: Coefficients
}

/** The means and deviations of the channels: one for all, or one for each. */
export interface Scales {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** The passes of a resize on bytes, and the step from bytes to a model's numbers. */
export interface Passes {
  /** Applies one pass after the other. */
  apply(source: Uint8Array, passes: readonly (ColumnsPass | RowsPass)[]): Uint8Array
  /** Writes (x / 255 − mean) / std of each byte x at `offset` of `out`, with 32-bit operations. */
  normalize(source: Uint8Array, scales: Scales, out: Float32Array, offset: number): void
}

const half = 1 << (precisionBits - 1)
const clip = (sum: number): number => {
  const value = sum >> precisionBits
  return value < 0 ? 0 : value > 255 ? 255 : value
}

/** The passes in plain TypeScript: the reference, and the fallback if WebAssembly SIMD does not run. */
export const plainPasses: Passes = {
  apply: (source, passes) =>
    passes.reduce((data, pass) => (pass.makes === "rows" ? makeRows(data, pass) : makeColumns(data, pass)), source),
  normalize(source, { mean, std }, out, offset) {
    const { fround } = Math
    const channels = Math.max(mean.length, std.length)
    for (const [i, x] of source.entries()) {
      const c = i % channels
      const centred = fround(fround(x / 255) - fround(mean[c % mean.length] ?? 0))
      out[offset + i] = centred / fround(std[c % std.length] ?? 1)
    }
  },
}

function makeColumns(source: Uint8Array, { rows, inWidth, channels, first, weights }: ColumnsPass): Uint8Array {
  const columns = windows(weights)
  const out = new Uint8Array(rows * columns.length * channels)
  let place = 0
  for (let y = 0; y < rows; y++)
    for (const { start, weights } of columns)
      for (let c = 0; c < channels; c++)
        out[place++] = weightedSum(source, (y * inWidth + start - first) * channels + c, channels, weights)
  return out
}

function makeRows(source: Uint8Array, { rowBytes, first, weights }: RowsPass): Uint8Array {
  const rows = windows(weights)
  const out = new Uint8Array(rows.length * rowBytes)
  let place = 0
  for (const { start, weights } of rows)
    for (let i = 0; i < rowBytes; i++)
      out[place++] = weightedSum(source, (start - first) * rowBytes + i, rowBytes, weights)
  return out
}

/** The source pixels of one output pixel: the first one, and a weight for each. */
interface SourceWindow {
  readonly start: number
  readonly weights: Int32Array
}

function windows({ taps, bounds, weights }: Coefficients): SourceWindow[] {
  return Array.from({ length: bounds.length / 2 }, (_, i) => {
    const [start = 0, count = 0] = bounds.subarray(2 * i)
    return { start, weights: weights.subarray(i * taps, i * taps + count) }
  })
}

/** The weighted sum, as a byte, of bytes at a distance of `stride`. */
function weightedSum(source: Uint8Array, start: number, stride: number, weights: Int32Array): number {
  let sum = half
  let place = start
  for (const weight of weights) {
    sum += byteAt(source, place) * weight
    place += stride
  }
  return clip(sum)
}
