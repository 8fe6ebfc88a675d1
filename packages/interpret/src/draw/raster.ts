import type { Image } from "@vitrine/data"
import { encode } from "fast-png"
import type { PatchMap } from "../data/grid.ts"
import type { ColorMap } from "./colors.ts"
import { element } from "./svg.ts"

/** The bytes of a PNG file. */
export function encodePng({ width, height, channels, data }: Image): Uint8Array {
  return encode({ width, height, channels, data }, { zlib: { level: 6 } })
}

/** An image in a figure. Where it is small, its pixels are drawn as squares, which no renderer can then smooth away. */
export function imageElement(image: Image, x: number, y: number, width: number, height: number): string {
  const sharp = enlarged(
    image,
    Math.max(1, Math.round(Math.max((2 * width) / image.width, (2 * height) / image.height))),
  )
  const href = `data:image/png;base64,${base64(encodePng(sharp))}`
  return element("image", { x, y, width, height, preserveAspectRatio: "none", href })
}

function base64(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

/** Red, green and blue of any image; alpha is dropped. */
export function toRgb(image: Image): Image {
  const { width, height, channels } = image
  if (channels === 3) return image
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) data[3 * i + c] = image.data[i * channels + (channels === 1 ? 0 : c)] as number
  return { width, height, channels: 3, data }
}

/** Each pixel a square of `factor`². */
export function enlarged(image: Image, factor: number): Image {
  if (factor === 1) return image
  const { channels } = image
  const [width, height] = [image.width * factor, image.height * factor]
  const data = new Uint8Array(width * height * channels)
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += channels) {
      const from = (Math.floor(y / factor) * image.width + Math.floor(x / factor)) * channels
      for (let c = 0; c < channels; c++) data[at + c] = image.data[from + c] as number
    }
  return { width, height, channels, data }
}

/** An image with `color` of each pixel. */
export function drawn(
  width: number,
  height: number,
  color: (x: number, y: number) => readonly [number, number, number],
): Image {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) for (let x = 0; x < width; x++, at += 3) data.set(color(x, y), at)
  return { width, height, channels: 3, data }
}

/**
 * A map at a size in pixels, `[height, width]`, as shares of its largest value: linear between the patches' centres.
 */
export function spread({ grid: { rows, columns }, values }: PatchMap, width: number, height: number): Float32Array {
  const largest = values.reduce((a, b) => Math.max(a, b), 0) || 1
  const out = new Float32Array(width * height)
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = between(y, height, rows)
    for (let x = 0; x < width; x++) {
      const [left, right, across] = between(x, width, columns)
      const at = (row: number, column: number): number => values[row * columns + column] as number
      const above = at(top, left) * (1 - across) + at(top, right) * across
      const below = at(bottom, left) * (1 - across) + at(bottom, right) * across
      out[y * width + x] = (above * (1 - down) + below * down) / largest
    }
  }
  return out
}

/** The two cells whose centres a pixel lies between, and how far it is from the first. */
function between(pixel: number, pixels: number, cells: number): [first: number, second: number, share: number] {
  const at = Math.min(Math.max(((pixel + 0.5) * cells) / pixels - 0.5, 0), cells - 1)
  const first = Math.min(Math.floor(at), Math.max(0, cells - 2))
  return [first, Math.min(first + 1, cells - 1), at - first]
}

/** A map in colours, `[rows, columns]` enlarged to about `side` pixels. */
export function heatmap(map: PatchMap, side: number, colors: ColorMap): Image {
  const { rows, columns } = map.grid
  const factor = Math.max(1, Math.round(side / Math.max(rows, columns)))
  const [width, height] = [columns * factor, rows * factor]
  const values = spread(map, width, height)
  return drawn(width, height, (x, y) => colors(values[y * width + x] as number))
}

/** A map in colours over a pale image: where it is small the image is seen, and where it is large the map. */
export function overlay(image: Image, map: PatchMap, side: number, colors: ColorMap): Image {
  const base = enlarged(toRgb(image), Math.max(1, Math.round(side / Math.max(image.width, image.height))))
  const { width, height, data } = base
  const values = spread(map, width, height)
  return drawn(width, height, (x, y) => {
    const at = 3 * (y * width + x)
    const [r, g, b] = [data[at] as number, data[at + 1] as number, data[at + 2] as number]
    const grey = 40 + 0.6 * (0.299 * r + 0.587 * g + 0.114 * b)
    const value = values[y * width + x] as number
    const [red, green, blue] = colors(0.15 + 0.85 * value)
    const share = 0.8 * Math.sqrt(value)
    return [mixed(grey, red, share), mixed(grey, green, share), mixed(grey, blue, share)]
  })
}

/** An image in the light of a map, as the ViT paper shows attention; the root of each share, so that the rest is seen too. */
export function spotlight(image: Image, map: PatchMap, side: number): Image {
  const base = enlarged(toRgb(image), Math.max(1, Math.round(side / Math.max(image.width, image.height))))
  const { width, height, data } = base
  const light = spread(map, width, height).map(Math.sqrt)
  return { ...base, data: data.map((x, at) => Math.round(x * (light[Math.floor(at / 3)] as number))) }
}

const mixed = (a: number, b: number, share: number): number => Math.round(a * (1 - share) + b * share)
