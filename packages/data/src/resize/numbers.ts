import type { FloatImage, Image } from "../image.ts"
import { filters, type Interpolation } from "./coefficients.ts"
import { resizeImage } from "./resize.ts"

/** The weights of one output place: those of the source places from `start` on. */
interface Row {
  readonly start: number
  readonly weights: Float32Array
}

/**
 * Resizes an image to numbers from 0 to 255, as torchvision resizes tensors of float32 with `antialias`. No result is
 * rounded to a byte. Bicubic and Lanczos results can lie outside of the range.
 */
export function resizeToNumbers(
  image: Image,
  width: number,
  height: number,
  interpolation: Interpolation = "bilinear",
): FloatImage {
  const { channels } = image
  if (interpolation === "nearest" || (width === image.width && height === image.height)) {
    const bytes = resizeImage(image, width, height, interpolation)
    return { ...bytes, data: Float32Array.from(bytes.data) }
  }
  const columns = rowsOf(image.width, width, interpolation)
  const rows = rowsOf(image.height, height, interpolation)
  const wide = horizontal(image, columns)
  const stride = width * channels
  const data = new Float32Array(height * stride)
  for (const [y, { start, weights }] of rows.entries()) {
    const out = data.subarray(y * stride, (y + 1) * stride)
    for (const [j, weight] of weights.entries()) {
      const source = (start + j) * stride
      for (let x = 0; x < stride; x++) out[x] = (out[x] as number) + weight * (wide[source + x] as number)
    }
  }
  return { width, height, channels, data }
}

/** [height, width, channels] → [height, columns, channels]. */
function horizontal({ width, height, channels, data }: Image, columns: readonly Row[]): Float32Array {
  const out = new Float32Array(height * columns.length * channels)
  let place = 0
  for (let y = 0; y < height; y++)
    for (const { start, weights } of columns)
      for (let c = 0; c < channels; c++) {
        let sum = 0
        let from = (y * width + start) * channels + c
        for (const weight of weights) {
          sum += weight * (data[from] as number)
          from += channels
        }
        out[place++] = sum
      }
  return out
}

/**
 * The weights as ATen computes them in float32 (`_compute_indices_min_size_weights_aa` of `UpSampleKernel.cpp`). In a
 * large image this places a window up to a thousandth of a pixel aside.
 */
function rowsOf(inSize: number, outSize: number, interpolation: keyof typeof filters): readonly Row[] {
  const { fround } = Math
  const { support: unit, weight } = filters[interpolation]
  const scale = fround(inSize / outSize)
  const support = scale >= 1 ? fround(unit * scale) : unit
  const inverse = scale >= 1 ? fround(1 / scale) : 1
  const most = Math.ceil(support) * 2 + 1
  return Array.from({ length: outSize }, (_, i) => {
    const center = fround(scale * (i + 0.5))
    const start = Math.max(0, Math.trunc(fround(center - support) + 0.5))
    const end = Math.min(inSize, Math.trunc(fround(center + support) + 0.5), start + most)
    const weights = Float32Array.from({ length: Math.max(0, end - start) }, (__, j) =>
      weight(fround((fround(j + start - center) + 0.5) * inverse)),
    )
    const total = weights.reduce((sum, each) => fround(sum + each), 0)
    return { start, weights: total === 0 ? weights : weights.map((each) => each / total) }
  })
}
