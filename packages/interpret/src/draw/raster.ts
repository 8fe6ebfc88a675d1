import type { Image } from "@vitrine/data"
import { encode } from "fast-png"
import type { PatchMap } from "../data/grid.ts"
import type { Color, ColorMap } from "./colors.ts"
import { element } from "./svg.ts"

/** The bytes of a PNG file. */
export function encodePng({ width, height, channels, data }: Image): Uint8Array {
  return encode({ width, height, channels, data }, { zlib: { level: 6 } })
}

/** An image as SVG. A small image is drawn as squares, so that no renderer smooths its pixels. */
export function imageElement(image: Image, x: number, y: number, width: number, height: number): string {
  const factor = Math.round(Math.max((2 * width) / image.width, (2 * height) / image.height))
  const href = `data:image/png;base64,${base64(encodePng(enlarge(image, Math.max(1, factor))))}`
  return element("image", { x, y, width, height, preserveAspectRatio: "none", href })
}

function base64(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

/** Makes an image from a function that gives the colour of each pixel. */
export function imageOf(width: number, height: number, color: (x: number, y: number) => Color): Image {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) for (let x = 0; x < width; x++, at += 3) data.set(color(x, y), at)
  return { width, height, channels: 3, data }
}

/** The colour of each pixel. Alpha is ignored. */
export function pixelsOf({ width, channels, data }: Image): (x: number, y: number) => Color {
  return (x, y) => {
    const at = (y * width + x) * channels
    const red = data[at] ?? 0
    return channels === 1 ? [red, red, red] : [red, data[at + 1] ?? 0, data[at + 2] ?? 0]
  }
}

/** Enlarges an image so that each pixel becomes a square of `factor` by `factor`, in red, green and blue. */
export function enlarge(image: Image, factor: number): Image {
  if (factor === 1 && image.channels === 3) return image
  const pixel = pixelsOf(image)
  return imageOf(image.width * factor, image.height * factor, (x, y) =>
    pixel(Math.floor(x / factor), Math.floor(y / factor)),
  )
}

/** Enlarges an image by a whole factor until its longer side is about `side` pixels. */
const enlargeTo = (image: Image, side: number): Image =>
  enlarge(image, Math.max(1, Math.round(side / Math.max(image.width, image.height))))

/**
 * The values of a map at each pixel of an image, divided by the largest value. Between the centres of patches they are
 * interpolated linearly.
 */
function sharesOf(map: PatchMap, width: number, height: number): (x: number, y: number) => number {
  const { rows, columns } = map.grid
  const largest = map.values.reduce((a, b) => Math.max(a, b), 0) || 1
  const value = (row: number, column: number): number => (map.values[row * columns + column] ?? 0) / largest
  return (x, y) => {
    const [top, bottom, down] = nearestCells(y, height, rows)
    const [left, right, across] = nearestCells(x, width, columns)
    const above = value(top, left) * (1 - across) + value(top, right) * across
    const below = value(bottom, left) * (1 - across) + value(bottom, right) * across
    return above * (1 - down) + below * down
  }
}

/** The two cells whose centres enclose a pixel, and the pixel's position between the centres, from 0 to 1. */
function nearestCells(pixel: number, pixels: number, cells: number): [first: number, second: number, share: number] {
  const at = Math.min(Math.max(((pixel + 0.5) * cells) / pixels - 0.5, 0), cells - 1)
  const first = Math.min(Math.floor(at), Math.max(0, cells - 2))
  return [first, Math.min(first + 1, cells - 1), at - first]
}

/** Draws a map in colours. The longer side has about `side` pixels. */
export function heatmap(map: PatchMap, side: number, colors: ColorMap): Image {
  const { rows, columns } = map.grid
  const factor = Math.max(1, Math.round(side / Math.max(rows, columns)))
  const [width, height] = [columns * factor, rows * factor]
  const share = sharesOf(map, width, height)
  return imageOf(width, height, (x, y) => colors(share(x, y)))
}

/** Draws a map in colours over the image in grey. The larger a value is, the more its colour covers the image. */
export function overlay(image: Image, map: PatchMap, side: number, colors: ColorMap): Image {
  const base = enlargeTo(image, side)
  const pixel = pixelsOf(base)
  const shareAt = sharesOf(map, base.width, base.height)
  return imageOf(base.width, base.height, (x, y) => {
    const [r, g, b] = pixel(x, y)
    const grey = 40 + 0.6 * (0.299 * r + 0.587 * g + 0.114 * b)
    const share = shareAt(x, y)
    const [red, green, blue] = colors(0.15 + 0.85 * share)
    const cover = 0.8 * Math.sqrt(share)
    const mix = (color: number): number => Math.round(grey * (1 - cover) + color * cover)
    return [mix(red), mix(green), mix(blue)]
  })
}

/**
 * Lights an image by a map, as the ViT paper shows attention. The brightness is the root of each value's share of the
 * largest value, so that small values are visible.
 */
export function spotlight(image: Image, map: PatchMap, side: number): Image {
  const base = enlargeTo(image, side)
  const pixel = pixelsOf(base)
  const share = sharesOf(map, base.width, base.height)
  return imageOf(base.width, base.height, (x, y) => {
    const light = Math.sqrt(share(x, y))
    const [red, green, blue] = pixel(x, y)
    return [Math.round(red * light), Math.round(green * light), Math.round(blue * light)]
  })
}
