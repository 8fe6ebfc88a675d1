import { nice, ticks } from "d3-array"
import { format } from "d3-format"
import type { ColorMap } from "./colors.ts"
import { drawn, imageElement } from "./raster.ts"
import { element, text } from "./svg.ts"
import type { Theme } from "./colors.ts"

export interface Axis {
  readonly low: number
  readonly high: number
  readonly ticks: readonly number[]
  /** Whether equal distances are equal factors. */
  readonly log?: boolean
}

/** Round ends around the values, and about `count` round ticks between. */
export function niceAxis(values: Iterable<number>, count: number): Axis {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const x of values) [low, high] = [Math.min(low, x), Math.max(high, x)]
  // Values that differ by their rounding alone would have ticks that no number can tell apart.
  const least = Math.max(1e-12 * Math.max(Math.abs(low), Math.abs(high)), 1e-280)
  if (!(high - low > least)) [low, high] = Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1]
  const [start, end] = nice(low, high, count)
  return { low: start, high: end, ticks: ticks(start, end, count) }
}

/** From `low` to `high` to the last digit, with about `count` round ticks between. */
export const exactAxis = (low: number, high: number, count: number): Axis => ({
  low,
  high,
  ticks: ticks(low, high, count),
})

/** A logarithmic axis somewhat beyond the values, all above 0, with round ticks: as many of a decade as there is room for. */
export function logAxis(values: Iterable<number>): Axis {
  let [low, high] = [Number.POSITIVE_INFINITY, 0]
  for (const x of values) [low, high] = [Math.min(low, x), Math.max(high, x)]
  if (!(high > 0)) [low, high] = [1, 10]
  const margin = Math.max((high / low) ** 0.05, low === high ? 2 : 1)
  ;[low, high] = [low / margin, high * margin]
  const decades = Math.log10(high / low)
  const factors = decades < 2 ? [1, 2, 5] : decades < 4 ? [1, 3] : [1]
  const first = Math.floor(Math.log10(low))
  const ticks = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => 10 ** (first + i))
  const round = ticks.flatMap((power) => factors.map((factor) => factor * power))
  return { low, high, ticks: round.filter((x) => x >= low && x <= high), log: true }
}

/** Ticks as text, all with the digits that their step needs; those of a logarithmic axis with a prefix, as in 5T. */
export function tickLabels({ ticks, log }: Axis, unit = ""): string[] {
  if (log) return ticks.map(format("~s"))
  const step = ticks.length < 2 ? 1 : Math.abs((ticks[1] as number) - (ticks[0] as number))
  const largest = Math.max(...ticks.map(Math.abs), 0)
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9))
  const shape = unit === "%" ? `.${Math.max(0, digits - 2)}%` : largest >= 1e5 || digits > 4 ? "~e" : `,.${digits}f`
  return ticks.map((x) => format(shape)(x).replace(/^−(0(\.0+)?%?)$/, "$1"))
}

export interface Frame {
  readonly width: number
  readonly height: number
  readonly x: Axis
  readonly y: Axis
  readonly theme: Theme
  readonly xLabel?: string
  readonly yLabel?: string
  /** Of the ticks of y. */
  readonly unit?: string
}

/** Grid lines, ticks and names of two axes, whose inner corner at the top left is the origin. */
export function axes({ width, height, x, y, theme, xLabel, yLabel, unit }: Frame): string[] {
  const parts: string[] = []
  const yNames = tickLabels(y, unit)
  for (const [i, tick] of y.ticks.entries()) {
    const down = scaled(y, tick, height, 0)
    parts.push(
      element("path", { d: `M0 ${down.toFixed(2)}h${width}`, stroke: theme.grid }),
      text(-8, down + 4, yNames[i] as string, { size: 11, fill: theme.muted, anchor: "end" }),
    )
  }
  const xNames = tickLabels(x)
  for (const [i, tick] of x.ticks.entries())
    parts.push(
      text(scaled(x, tick, 0, width), height + 18, xNames[i] as string, {
        size: 11,
        fill: theme.muted,
        anchor: "middle",
      }),
    )
  if (xLabel !== undefined) parts.push(text(width / 2, height + 38, xLabel, { fill: theme.ink, anchor: "middle" }))
  if (yLabel !== undefined)
    parts.push(
      text(0, 0, yLabel, { fill: theme.ink, anchor: "middle", transform: `translate(-46 ${height / 2}) rotate(-90)` }),
    )
  return parts
}

/** Where a value lies between two ends. */
export const scaled = ({ low, high, log }: Axis, value: number, start: number, end: number): number =>
  start + (end - start) * (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low))

/** A bar of the colours from `low` at the bottom to `high` at the top, with ticks to its right and its name beside them. */
export function colorBar(
  x: number,
  height: number,
  [low, high]: readonly [number, number],
  colors: ColorMap,
  label: string,
  theme: Theme,
): string {
  const axis = exactAxis(low, high, 4)
  const names = tickLabels(axis)
  const bar = drawn(24, Math.round(2 * height), (_, row) => colors(1 - row / (2 * height - 1)))
  return element(
    "g",
    { transform: `translate(${x} 0)` },
    imageElement(bar, 0, 0, 12, height),
    ...axis.ticks.map((tick, i) =>
      text(18, scaled(axis, tick, height, 0) + 4, names[i] as string, { size: 11, fill: theme.muted }),
    ),
    text(0, 0, label, { fill: theme.ink, anchor: "middle", transform: `translate(64 ${height / 2}) rotate(-90)` }),
  )
}

/** The width that a colour bar takes. */
export const colorBarWidth = 72
