import { elementAt } from "../checked.ts"
import type { Theme } from "./theme.ts"
import type { Numbers } from "./view.ts"

/** The colours of a matrix: for a sign with a size, for a share of 1, or for the light of a channel. */
export type Scale = "signed" | "share" | "light" | "red" | "green" | "blue"

type Oklch = readonly [lightness: number, chroma: number, hue: number]

/** Colours from the least to the greatest value, at equal distances. */
const stops: Readonly<Record<Theme, Readonly<Record<Scale, readonly Oklch[]>>>> = {
  light: {
    signed: [
      [0.4, 0.15, 264],
      [0.68, 0.12, 258],
      [0.968, 0.004, 85],
      [0.78, 0.12, 58],
      [0.53, 0.165, 38],
    ],
    share: [
      [0.968, 0.004, 85],
      [0.82, 0.075, 312],
      [0.6, 0.15, 305],
      [0.33, 0.14, 298],
    ],
    light: [
      [0.08, 0, 0],
      [1, 0, 0],
    ],
    red: [
      [0.1, 0.02, 25],
      [0.66, 0.22, 27],
      [0.97, 0.03, 30],
    ],
    green: [
      [0.1, 0.02, 150],
      [0.7, 0.18, 150],
      [0.97, 0.04, 150],
    ],
    blue: [
      [0.1, 0.02, 260],
      [0.6, 0.19, 260],
      [0.97, 0.03, 260],
    ],
  },
  dark: {
    signed: [
      [0.84, 0.1, 240],
      [0.55, 0.13, 258],
      [0.235, 0.008, 280],
      [0.6, 0.13, 48],
      [0.88, 0.11, 75],
    ],
    share: [
      [0.235, 0.008, 280],
      [0.45, 0.13, 298],
      [0.7, 0.15, 308],
      [0.94, 0.05, 320],
    ],
    light: [
      [0.12, 0, 0],
      [0.98, 0, 0],
    ],
    red: [
      [0.14, 0.02, 25],
      [0.62, 0.21, 27],
      [0.95, 0.04, 30],
    ],
    green: [
      [0.14, 0.02, 150],
      [0.66, 0.17, 150],
      [0.95, 0.05, 150],
    ],
    blue: [
      [0.14, 0.02, 260],
      [0.58, 0.18, 260],
      [0.95, 0.04, 260],
    ],
  },
}

const tables = new Map<string, Uint8ClampedArray>()

/** 256 colours, RGB. */
export function colorTable(scale: Scale, theme: Theme): Uint8ClampedArray {
  const key = `${scale} ${theme}`
  const table = tables.get(key) ?? buildTable(stops[theme][scale])
  tables.set(key, table)
  return table
}

function buildTable(colors: readonly Oklch[]): Uint8ClampedArray {
  const table = new Uint8ClampedArray(256 * 3)
  const labs = colors.map(([l, c, h]): readonly number[] => {
    const angle = (h * Math.PI) / 180
    return [l, c * Math.cos(angle), c * Math.sin(angle)]
  })
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (labs.length - 1)
    const k = Math.min(Math.floor(at), labs.length - 2)
    const [from, to] = [elementAt(labs, k), elementAt(labs, k + 1)]
    table.set(toSrgb(from.map((value, axis) => value + (at - k) * (elementAt(to, axis) - value))), 3 * i)
  }
  return table
}

/** OKLab to sRGB bytes (Ottosson, 2020). */
function toSrgb([lightness = 0, a = 0, b = 0]: readonly number[]): number[] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((x) => 255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055))
}

/** The least and the greatest value of a scale. A signed scale is symmetric around 0. */
export type Domain = readonly [low: number, high: number]

export function domainOf(values: Numbers, scale: Scale): Domain {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  if (scale === "signed") {
    const largest = Math.max(Math.abs(low), Math.abs(high)) || 1
    return [-largest, largest]
  }
  return scale === "share" ? [0, Math.max(high, 1e-9)] : [0, 255]
}

/** Values as RGB bytes. */
export function heatPixels(values: Numbers, scale: Scale, domain: Domain, theme: Theme): Uint8Array {
  const table = colorTable(scale, theme)
  const pixels = new Uint8Array(3 * values.length)
  for (const [i, value] of values.entries()) {
    const at = 3 * shade(value, domain, scale)
    pixels.set(table.subarray(at, at + 3), 3 * i)
  }
  return pixels
}

/** Position of a value in a table of 256 colours. The root of shares keeps small ones in sight beside a large one. */
export function shade(value: number, [low, high]: Domain, scale: Scale): number {
  const part = Math.min(1, Math.max(0, (value - low) / (high - low)))
  return Math.round(255 * (scale === "share" ? Math.sqrt(part) : part))
}
