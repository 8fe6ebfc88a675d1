import { type Coefficients, precisionBits } from "./coefficients.ts"

/** The two passes of a resize on bytes. */
export interface Passes {
  /** [rows, inWidth, channels] → [rows, outWidth, channels]; column 0 of `source` is `firstColumn` of the image. */
  horizontal(
    source: Uint8Array,
    rows: number,
    firstColumn: number,
    inWidth: number,
    channels: number,
    weights: Coefficients,
  ): Uint8Array
  /** [inRows, width, channels] → [outRows, width, channels]; row 0 of `source` is `firstRow` of the image. */
  vertical(source: Uint8Array, firstRow: number, rowBytes: number, weights: Coefficients): Uint8Array
}

const half = 1 << (precisionBits - 1)
const clip = (sum: number): number => {
  const value = sum >> precisionBits
  return value < 0 ? 0 : value > 255 ? 255 : value
}

/** The passes in plain TypeScript: the reference, and what runs where WebAssembly SIMD does not. */
export const plainPasses: Passes = {
  horizontal(source, rows, firstColumn, inWidth, channels, { taps, bounds, weights }) {
    const outWidth = bounds.length / 2
    const out = new Uint8Array(rows * outWidth * channels)
    for (let y = 0, o = 0; y < rows; y++)
      for (let x = 0; x < outWidth; x++) {
        const start = (y * inWidth + (bounds[2 * x] as number) - firstColumn) * channels
        const n = bounds[2 * x + 1] as number
        for (let c = 0; c < channels; c++, o++) {
          let sum = half
          for (let k = 0; k < n; k++)
            sum += (source[start + k * channels + c] as number) * (weights[x * taps + k] as number)
          out[o] = clip(sum)
        }
      }
    return out
  },
  vertical(source, firstRow, rowBytes, { taps, bounds, weights }) {
    const outRows = bounds.length / 2
    const out = new Uint8Array(outRows * rowBytes)
    for (let y = 0, o = 0; y < outRows; y++) {
      const start = ((bounds[2 * y] as number) - firstRow) * rowBytes
      const n = bounds[2 * y + 1] as number
      for (let i = 0; i < rowBytes; i++, o++) {
        let sum = half
        for (let k = 0; k < n; k++)
          sum += (source[start + k * rowBytes + i] as number) * (weights[y * taps + k] as number)
        out[o] = clip(sum)
      }
    }
    return out
  },
}
