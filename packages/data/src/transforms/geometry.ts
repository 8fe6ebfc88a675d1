import type { RandomStream } from "@vitrine/core"
import { byteAt } from "../at.ts"
import type { Image } from "../image.ts"
import { cropImage, type Window } from "../resize/resize.ts"
import type { RandomResizedCrop, Resize, Size } from "./transforms.ts"

/** Rounds to the nearest integer, halves to even, as Python's `round` does. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}

/** [height, width] after `resize`. It is rounded as in torchvision, or with `fit` as in timm. */
export function resizedSize(height: number, width: number, { size, fit }: Pick<Resize, "size" | "fit">): Size {
  if (typeof size !== "number") {
    if (fit === undefined) return size
    const ratio = Math[fit === "cover" ? "min" : "max"](height / size[0], width / size[1])
    return [Math.max(1, roundHalfEven(height / ratio)), Math.max(1, roundHalfEven(width / ratio))]
  }
  if (width <= height) return [Math.max(1, Math.trunc((size * height) / width)), size]
  return [size, Math.max(1, Math.trunc((size * width) / height))]
}

/** The window of `centerCrop` in an image of this size. It extends beyond an image that is too small. */
export function centerWindow(
  imageHeight: number,
  imageWidth: number,
  [height, width]: Size,
  rounding: "even" | "down" | "zero" = "even",
): Window {
  const offset = (extent: number, crop: number): number => {
    if (rounding === "down") return Math.floor((extent - crop) / 2)
    if (rounding === "zero") return Math.trunc((extent - crop) / 2)
    return crop > extent ? -Math.floor((crop - extent) / 2) : roundHalfEven((extent - crop) / 2)
  }
  return { x: offset(imageWidth, width), y: offset(imageHeight, height), width, height }
}

/**
 * Draws the window of `randomResizedCrop`: up to ten attempts, then the largest centred window with an allowed aspect
 * ratio.
 */
export function randomWindow(height: number, width: number, step: RandomResizedCrop, random: RandomStream): Window {
  const { scale, ratio } = step
  const within = (low: number, high: number): number => low + (high - low) * random.uniform()
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * within(scale[0], scale[1])
    const aspect = Math.exp(within(Math.log(ratio[0]), Math.log(ratio[1])))
    const w = roundHalfEven(Math.sqrt(area * aspect))
    const h = roundHalfEven(Math.sqrt(area / aspect))
    if (w > 0 && w <= width && h > 0 && h <= height)
      return { x: random.integer(width - w + 1), y: random.integer(height - h + 1), width: w, height: h }
  }
  const aspect = width / height
  const w = aspect > ratio[1] ? Math.max(1, roundHalfEven(height * ratio[1])) : width
  const h = aspect < ratio[0] ? Math.max(1, roundHalfEven(width / ratio[0])) : height
  return { x: Math.floor((width - w) / 2), y: Math.floor((height - h) / 2), width: w, height: h }
}

/** Moves an image by a random number of pixels in both directions. */
export function shifted(image: Image, pad: number, random: RandomStream): Image {
  const x = random.integer(2 * pad + 1) - pad
  const y = random.integer(2 * pad + 1) - pad
  return cropImage(image, { x, y, width: image.width, height: image.height })
}

/** Mirrors an image left to right. */
export function mirrored(image: Image): Image {
  const { width, channels } = image
  const data = image.data.slice()
  const stride = width * channels
  for (let begin = 0; begin < data.length; begin += stride) data.subarray(begin, begin + stride).reverse()
  // The channels of each pixel are now in reverse order.
  for (let first = 0; first < data.length; first += channels)
    for (let a = first, b = first + channels - 1; a < b; a++, b--) {
      const byte = byteAt(data, a)
      data[a] = byteAt(data, b)
      data[b] = byte
    }
  return { ...image, data }
}

/** One channel, with Pillow's `convert("L")`: (19595 R + 38470 G + 7471 B + 2^15) / 2^16. */
export function toGray(image: Image): Image {
  const { width, height, channels, data } = image
  if (channels === 1) return image
  const out = new Uint8Array(width * height)
  for (let i = 0, s = 0; i < out.length; i++, s += channels)
    out[i] =
      ((data[s] as number) * 19595 + (data[s + 1] as number) * 38470 + (data[s + 2] as number) * 7471 + 0x8000) >>> 16
  return { width, height, channels: 1, data: out }
}

/** Three channels: a grey channel is repeated, alpha is dropped. */
export function toThree(image: Image): Image {
  const { width, height, channels, data } = image
  if (channels === 3) return image
  const out = new Uint8Array(width * height * 3)
  const second = channels === 1 ? 0 : 1
  for (let i = 0, s = 0; i < out.length; i += 3, s += channels) {
    out[i] = data[s] as number
    out[i + 1] = data[s + second] as number
    out[i + 2] = data[s + 2 * second] as number
  }
  return { width, height, channels: 3, data: out }
}
