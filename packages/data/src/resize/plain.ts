import { byteAt } from "../at.ts"
import { type Coefficients, precisionBits } from "./coefficients.ts"

/** The two passes of a resize on bytes. */
export interface Passes {
  /**
   * [rows, inWidth, channels] → [rows, outWidth, channels]. Column 0 of `source` is column `firstColumn` of the image.
   */
  horizontal(
    source: Uint8Array,
    rows: number,
    firstColumn: number,
    inWidth: number,
    channels: number,
    weights: Coefficients,
  ): Uint8Array
  /** [inRows, width, channels] → [outRows, width, channels]. Row 0 of `source` is row `firstRow` of the image. */
  vertical(source: Uint8Array, firstRow: number, rowBytes: number, weights: Coefficients): Uint8Array
}

const half = 1 << (precisionBits - 1)
const clip = (sum: number): number => {
  const value = sum >> precisionBits
  return value < 0 ? 0 : value > 255 ? 255 : value
}

/** The passes in plain TypeScript: the reference, and the fallback if WebAssembly SIMD does not run. */
export const plainPasses: Passes = {
  horizontal(source, rows, firstColumn, inWidth, channels, coefficients) {
    const columns = windows(coefficients)
    const out = new Uint8Array(rows * columns.length * channels)
    let place = 0
    for (let y = 0; y < rows; y++)
      for (const { start, weights } of columns)
        for (let c = 0; c < channels; c++)
          out[place++] = weightedSum(source, (y * inWidth + start - firstColumn) * channels + c, channels, weights)
    return out
  },
  vertical(source, firstRow, rowBytes, coefficients) {
    const rows = windows(coefficients)
    const out = new Uint8Array(rows.length * rowBytes)
    let place = 0
    for (const { start, weights } of rows)
      for (let i = 0; i < rowBytes; i++)
        out[place++] = weightedSum(source, (start - firstRow) * rowBytes + i, rowBytes, weights)
    return out
  },
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
