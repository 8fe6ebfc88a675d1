import { VitrineError } from "@vitrine/core"
import { byteAt } from "../at.ts"
import { checkImage, type FloatImage, type Image } from "../image.ts"
import { type Coefficients, coefficients, type Interpolation } from "./coefficients.ts"
import type { Passes } from "./plain.ts"
import { wasmPasses } from "./wasm.ts"

/** A part of an image, in pixels. */
export interface Window {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/**
 * Resizes an image, with the bytes of Pillow's `Image.resize(size, filter)`: antialiased (except `nearest`), in
 * fixed-point arithmetic, RGBA weighted by alpha. As in Pillow 13, columns come before rows, unless the height shrinks
 * by more than twice as many pixels as the width. Earlier versions of Pillow have no such exception.
 * @param window the part of the result to compute; its bytes equal those of a later crop
 * @throws VitrineError if a size is not a positive integer
 */
export function resizeImage(
  image: Image,
  width: number,
  height: number,
  interpolation: Interpolation = "bicubic",
  window: Window = { x: 0, y: 0, width, height },
  passes: Passes = wasmPasses(),
): Image {
  checkImage(image)
  for (const [name, n] of Object.entries({ width, height }))
    if (!Number.isSafeInteger(n) || n < 1 || n > 65535)
      throw new VitrineError("shape", `resize: ${name} must be an integer from 1 to 65535, got ${n}`)
  if (window.x < 0 || window.y < 0 || window.x + window.width > width || window.y + window.height > height)
    throw new VitrineError(
      "shape",
      `resize: the window ${JSON.stringify(window)} leaves the image of ${width}×${height}`,
    )
  if (width === image.width && height === image.height) return cropImage(image, window)
  if (interpolation === "nearest") return nearest(image, width, height, window)
  if (image.channels === 4)
    return divideAlpha(filtered(multiplyAlpha(image), width, height, interpolation, window, passes))
  return filtered(image, width, height, interpolation, window, passes)
}

/** The part of the image within a window. Places outside the image become `fill`, one byte for each channel, or 0. */
export function cropImage(image: Image, window: Window, fill?: readonly number[]): Image {
  return cropped(image, window, Uint8Array, fill)
}

/** `cropImage` for numbers. */
export function cropNumbers(image: FloatImage, window: Window, fill?: readonly number[]): FloatImage {
  return cropped(image, window, Float32Array, fill)
}

/** @param Data makes an array of zeros */
function cropped<I extends Image | FloatImage>(
  image: I,
  window: Window,
  Data: new (length: number) => I["data"],
  fill: readonly number[] | undefined,
): I {
  if (isWhole(image, window)) return image
  const { width, height } = window
  const data = new Data(width * height * image.channels)
  copyWindow(image, window, data, fill)
  return { ...image, width, height, data }
}

const isWhole = (image: Image | FloatImage, { x, y, width, height }: Window): boolean =>
  x === 0 && y === 0 && width === image.width && height === image.height

function copyWindow(
  image: Image | FloatImage,
  { x, y, width, height }: Window,
  out: Uint8Array | Float32Array,
  fill: readonly number[] | undefined,
): void {
  const { channels, data } = image
  for (const [c, value] of fill?.entries() ?? []) for (let i = c; i < out.length; i += channels) out[i] = value
  const left = Math.max(0, x)
  const right = Math.min(image.width, x + width)
  if (left >= right) return
  for (let row = Math.max(0, -y); row < Math.min(height, image.height - y); row++) {
    const start = (y + row) * image.width
    out.set(data.subarray((start + left) * channels, (start + right) * channels), (row * width + left - x) * channels)
  }
}

function filtered(
  image: Image,
  width: number,
  height: number,
  interpolation: Exclude<Interpolation, "nearest">,
  window: Window,
  passes: Passes,
): Image {
  const { channels } = image
  const columns =
    width === image.width ? undefined : coefficients(image.width, width, interpolation, window.x, window.width)
  const rows =
    height === image.height ? undefined : coefficients(image.height, height, interpolation, window.y, window.height)
  const [left, right] = columns === undefined ? [window.x, window.x + window.width] : reach(columns)
  const [top, bottom] = rows === undefined ? [window.y, window.y + window.height] : reach(rows)
  const rowsFirst = rows !== undefined && height < image.height && image.height - height > 2 * (image.width - width)
  // Whole rows can be passed without a copy.
  const inRows = columns !== undefined && !rowsFirst
  const source = inRows
    ? image.data.subarray(top * image.width * channels, bottom * image.width * channels)
    : cropImage(image, { x: left, y: top, width: right - left, height: bottom - top }).data
  const steps = [
    columns && {
      makes: "columns" as const,
      rows: rowsFirst ? window.height : bottom - top,
      inWidth: inRows ? image.width : right - left,
      channels,
      first: inRows ? 0 : left,
      weights: columns,
    },
    rows && {
      makes: "rows" as const,
      rowBytes: (rowsFirst ? right - left : window.width) * channels,
      first: top,
      weights: rows,
    },
  ].filter((step) => step !== undefined)
  const data = passes.apply(source, rowsFirst ? steps.reverse() : steps)
  return { width: window.width, height: window.height, channels, data }
}

/** The first source pixel that some weights use, and the end of these pixels. */
function reach({ bounds }: Coefficients): [number, number] {
  const [first = 0] = bounds
  const [lastStart = 0, lastCount = 0] = bounds.subarray(-2)
  return [first, lastStart + lastCount]
}

function nearest(image: Image, width: number, height: number, window: Window): Image {
  const { channels, data } = image
  const columns = nearestIndices(image.width, width, window.x, window.width)
  const rows = nearestIndices(image.height, height, window.y, window.height)
  const out = new Uint8Array(window.width * window.height * channels)
  let place = 0
  for (const row of rows)
    for (const column of columns) {
      const start = (row * image.width + column) * channels
      for (let c = 0; c < channels; c++) out[place++] = data[start + c] as number
    }
  return { width: window.width, height: window.height, channels, data: out }
}

// The position is a running sum, not a product, so that its rounding errors equal Pillow's.
function nearestIndices(inSize: number, outSize: number, first: number, count: number): Int32Array {
  const step = inSize / outSize
  const out = new Int32Array(count)
  let at = step * 0.5
  for (let i = 0; i < first + count; i++, at += step)
    if (i >= first) out[i - first] = Math.min(inSize - 1, Math.trunc(at))
  return out
}

function multiplyAlpha(image: Image): Image {
  const data = new Uint8Array(image.data.length)
  for (let i = 0; i < data.length; i += 4) {
    const alpha = byteAt(image.data, i + 3)
    for (let c = i; c < i + 3; c++) {
      const product = byteAt(image.data, c) * alpha + 128
      data[c] = ((product >> 8) + product) >> 8
    }
    data[i + 3] = alpha
  }
  return { ...image, data }
}

function divideAlpha(image: Image): Image {
  const { data } = image
  for (let i = 0; i < data.length; i += 4) {
    const alpha = byteAt(data, i + 3)
    if (alpha === 255 || alpha === 0) continue
    for (let c = i; c < i + 3; c++) data[c] = Math.min(255, Math.trunc((255 * byteAt(data, c)) / alpha))
  }
  return image
}
