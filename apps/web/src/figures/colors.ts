import { type ColorScale, colorTable, type ThemeName } from "@vitrine/interpret"
import type { Numbers } from "./view.ts"

/** The least and the greatest value of a scale. A signed scale is symmetric around 0. */
export type Domain = readonly [low: number, high: number]

export function domainOf(values: Numbers, scale: ColorScale): Domain {
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

/** Converts values to RGB bytes. */
export function heatPixels(values: Numbers, scale: ColorScale, domain: Domain, theme: ThemeName): Uint8Array {
  const table = colorTable(scale, theme)
  const pixels = new Uint8Array(3 * values.length)
  for (const [i, value] of values.entries()) {
    const at = 3 * shade(value, domain, scale)
    pixels.set(table.subarray(at, at + 3), 3 * i)
  }
  return pixels
}

/**
 * The index of a value's colour in a table of 256 colours. For shares it uses the square root, so that small values
 * stay visible beside large ones.
 */
export function shade(value: number, [low, high]: Domain, scale: ColorScale): number {
  const part = Math.min(1, Math.max(0, (value - low) / (high - low)))
  return Math.round(255 * (scale === "share" ? Math.sqrt(part) : part))
}
