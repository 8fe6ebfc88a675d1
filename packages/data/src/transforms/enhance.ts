import { histogram } from "../histogram.ts"
import { byteAt } from "../at.ts"
import type { Image } from "../image.ts"
import { toGray } from "./geometry.ts"

// Operations on bytes with the results of Pillow's ImageOps and ImageEnhance. A grey image has one channel.

/** Stretches each channel so that its least value becomes 0 and its greatest 255. */
export function autoContrast(image: Image): Image {
  return lookedUp(image, (counts) => {
    const low = counts.findIndex((count) => count > 0)
    const high = counts.findLastIndex((count) => count > 0)
    if (high <= low) return (x) => x
    const scale = 255 / (high - low)
    return (x) => Math.trunc(x * scale - low * scale)
  })
}

/** Makes the values of each channel equally frequent. */
export function equalize(image: Image): Image {
  return lookedUp(image, (counts) => {
    const present = counts.filter((count) => count > 0)
    const total = present.reduce((sum, count) => sum + count, 0)
    const step = Math.floor((total - (present.at(-1) ?? 0)) / 255)
    if (present.length < 2 || step === 0) return (x) => x
    let sum = Math.floor(step / 2)
    const table = counts.map((count) => {
      const value = Math.floor(sum / step)
      sum += count
      return value
    })
    return (x) => table[x] ?? 0
  })
}

export function invert(image: Image): Image {
  return lookedUp(image, () => (x) => 255 - x)
}

/** Keeps the upper `bits` of each value. */
export function posterize(image: Image, bits: number): Image {
  const mask = 256 - 2 ** (8 - bits)
  return lookedUp(image, () => (x) => x & mask)
}

/** Inverts values from `threshold` on. */
export function solarize(image: Image, threshold: number): Image {
  return lookedUp(image, () => (x) => (x < threshold ? x : 255 - x))
}

/** Adds an amount to the values of the darker half. */
export function solarizeAdd(image: Image, amount: number): Image {
  return lookedUp(image, () => (x) => (x < 128 ? x + amount : x))
}

/** Changes the colours. 0 gives grey, 1 no change, more gives stronger colours. */
export function adjustColor(image: Image, factor: number): Image {
  if (image.channels === 1) return image
  const gray = toGray(image).data
  return blended(image, factor, (i) => byteAt(gray, Math.trunc(i / image.channels)))
}

/** Changes the contrast. 0 gives the mean grey, 1 no change. */
export function adjustContrast(image: Image, factor: number): Image {
  const gray = toGray(image).data
  const mean = Math.trunc(gray.reduce((sum, value) => sum + value, 0) / gray.length + 0.5)
  return blended(image, factor, () => mean)
}

/** Changes the brightness. 0 gives black, 1 no change. */
export function adjustBrightness(image: Image, factor: number): Image {
  return blended(image, factor, () => 0)
}

/** Changes the sharpness. 0 gives a smooth image, 1 no change, more a sharper one. */
export function adjustSharpness(image: Image, factor: number): Image {
  const { width, height, channels, data } = image
  const smooth = data.slice()
  const stride = width * channels
  for (let y = 1; y < height - 1; y++)
    for (let i = y * stride + channels; i < (y + 1) * stride - channels; i++) {
      let sum = 4 * (data[i] as number)
      for (let row = i - stride; row <= i + stride; row += stride)
        sum += (data[row - channels] as number) + (data[row] as number) + (data[row + channels] as number)
      smooth[i] = Math.floor(sum / 13 + 0.5)
    }
  return blended(image, factor, (i) => byteAt(smooth, i))
}

/**
 * An affine transform, x' = a x + b y + c, y' = d x + e y + f, from the target's pixel centres to the source's, with
 * bilinear interpolation. Places outside the source are grey 128.
 */
export function affine(
  image: Image,
  [a, b, c, d, e, f]: readonly [number, number, number, number, number, number],
): Image {
  const { width, height, channels, data } = image
  const out = new Uint8Array(data.length).fill(128)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const sx = a * (x + 0.5) + b * (y + 0.5) + c
      const sy = d * (x + 0.5) + e * (y + 0.5) + f
      if (sx < 0 || sx >= width || sy < 0 || sy >= height) continue
      const left = Math.floor(sx - 0.5)
      const top = Math.floor(sy - 0.5)
      const tx = sx - 0.5 - left
      const ty = sy - 0.5 - top
      const x0 = Math.max(0, left) * channels
      const x1 = Math.min(width - 1, left + 1) * channels
      const y0 = Math.max(0, top) * width * channels
      const y1 = Math.min(height - 1, top + 1) * width * channels
      for (let k = 0; k < channels; k++) {
        const upper = (data[y0 + x0 + k] as number) * (1 - tx) + (data[y0 + x1 + k] as number) * tx
        const lower = (data[y1 + x0 + k] as number) * (1 - tx) + (data[y1 + x1 + k] as number) * tx
        out[(y * width + x) * channels + k] = Math.floor(upper * (1 - ty) + lower * ty + 0.5)
      }
    }
  return { width, height, channels, data: out }
}

/** Maps each channel through a table, which `valueOf` makes from the channel's histogram. */
function lookedUp(image: Image, valueOf: (counts: Float64Array) => (x: number) => number): Image {
  const { channels, data } = image
  const out = new Uint8Array(data.length)
  for (let c = 0; c < channels; c++) {
    const value = valueOf(histogram(data, c, channels))
    const table = Uint8Array.from(Uint8ClampedArray.from({ length: 256 }, (_, x) => value(x)))
    for (let i = c; i < data.length; i += channels) out[i] = byteAt(table, byteAt(data, i))
  }
  return { ...image, data: out }
}

/** Pillow's Image.blend of another image with this one, in float32. */
function blended(image: Image, factor: number, other: (i: number) => number): Image {
  const { fround } = Math
  const alpha = fround(factor)
  const data = image.data.map((value, i) => {
    const from = other(i)
    const mixed = fround(from + fround(alpha * (value - from)))
    return mixed <= 0 ? 0 : mixed >= 255 ? 255 : Math.trunc(mixed)
  })
  return { ...image, data }
}
