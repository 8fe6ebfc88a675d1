import { nice, ticks } from "d3-array"
import { format } from "d3-format"
import type { ColorMap, Theme } from "./colors.ts"
import { imageElement, imageOf } from "./raster.ts"
import { element, text } from "./svg.ts"

export interface Axis {
  readonly low: number
  readonly high: number
  readonly ticks: readonly number[]
  /** True for a logarithmic axis. */
  readonly log?: boolean
}

/**
 * An axis around the values with round ends and about `count` round ticks.
 * @param whole the ends if all values are equal; by default 0.5 below and above the value
 */
export function niceAxis(values: Iterable<number>, count: number, whole?: readonly [number, number]): Axis {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const x of values) [low, high] = [Math.min(low, x), Math.max(high, x)]
  // If values differed by rounding only, all ticks would have the same label. So the axis has a least length.
  const least = Math.max(1e-12 * Math.max(Math.abs(low), Math.abs(high)), 1e-280)
  if (!(high - low > least)) [low, high] = whole ?? (Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1])
  const [start, end] = nice(low, high, count)
  return { low: start, high: end, ticks: ticks(start, end, count) }
}

/** An axis with exact ends and about `count` round ticks. */
export const exactAxis = (low: number, high: number, count: number): Axis => ({
  low,
  high,
  ticks: ticks(low, high, count),
})

/**
 * A logarithmic axis that reaches a little beyond the values, which must be above 0. Each decade has as many round
 * ticks as there is room for.
 */
export function logAxis(values: Iterable<number>): Axis {
  let [low, high] = [Number.POSITIVE_INFINITY, 0]
  for (const x of values) [low, high] = [Math.min(low, x), Math.max(high, x)]
  if (!(high > 0)) [low, high] = [1, 10]
  const margin = Math.max((high / low) ** 0.05, low === high ? 2 : 1)
  ;[low, high] = [low / margin, high * margin]
  const decades = Math.log10(high / low)
  const factors = decades < 2 ? [1, 2, 5] : decades < 4 ? [1, 3] : [1]
  const first = Math.floor(Math.log10(low))
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => 10 ** (first + i))
  const round = powers.flatMap((power) => factors.map((factor) => factor * power))
  return { low, high, ticks: round.filter((x) => x >= low && x <= high), log: true }
}

/**
 * The ticks with their labels. Labels have the digits that the step needs. On a logarithmic axis they have a prefix, as
 * in 5T.
 */
export function labelledTicks({ ticks, log }: Axis, unit = ""): (readonly [tick: number, label: string])[] {
  const withLabels = (label: (tick: number) => string) => ticks.map((tick) => [tick, label(tick)] as const)
  if (log) return withLabels(format("~s"))
  const [first = 0, second = first + 1] = ticks
  const largest = Math.max(...ticks.map(Math.abs), 0)
  const digits = Math.max(0, -Math.floor(Math.log10(Math.abs(second - first)) + 1e-9))
  const shape = unit === "%" ? `.${Math.max(0, digits - 2)}%` : largest >= 1e5 || digits > 4 ? "~e" : `,.${digits}f`
  return withLabels((tick) => format(shape)(tick).replace(/^−(0(\.0+)?%?)$/, "$1"))
}

export interface Frame {
  readonly width: number
  readonly height: number
  readonly x: Axis
  readonly y: Axis
  readonly theme: Theme
  readonly xLabel?: string | undefined
  readonly yLabel?: string | undefined
  /** The unit of y's ticks. */
  readonly unit?: "%" | undefined
}

/** Grid lines, ticks and names of two axes. The origin is the top left corner of the area inside the axes. */
export function axes({ width, height, x, y, theme, xLabel, yLabel, unit }: Frame): string[] {
  const small = { size: 11, fill: theme.muted }
  const down = (tick: number): number => scaled(y, tick, height, 0)
  return [
    ...labelledTicks(y, unit).flatMap(([tick, label]) => [
      element("path", { d: `M0 ${down(tick).toFixed(2)}h${width}`, stroke: theme.grid }),
      text(-8, down(tick) + 4, label, { ...small, anchor: "end" }),
    ]),
    ...labelledTicks(x).map(([tick, label]) =>
      text(scaled(x, tick, 0, width), height + 18, label, { ...small, anchor: "middle" }),
    ),
    ...(xLabel === undefined ? [] : [text(width / 2, height + 38, xLabel, { fill: theme.ink, anchor: "middle" })]),
    ...(yLabel === undefined ? [] : [sideways(-46, height / 2, yLabel, theme.ink)]),
  ]
}

/** A line of text that runs upwards. */
export const sideways = (x: number, y: number, content: string, fill: string, bold = false): string =>
  text(0, 0, content, { fill, bold, anchor: "middle", transform: `translate(${x} ${y}) rotate(-90)` })

/** The coordinate of a value in a frame that reaches from `start` to `end`. */
export const scaled = ({ low, high, log }: Axis, value: number, start: number, end: number): number =>
  start + (end - start) * (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low))

/** A bar of colours, `low` at the bottom and `high` at the top, with ticks and a name to the right. */
export function colorBar(
  x: number,
  height: number,
  [low, high]: readonly [number, number],
  colors: ColorMap,
  label: string,
  theme: Theme,
): string {
  const axis = exactAxis(low, high, 4)
  const bar = imageOf(24, Math.round(2 * height), (_, row) => colors(1 - row / (2 * height - 1)))
  return element(
    "g",
    { transform: `translate(${x} 0)` },
    imageElement(bar, 0, 0, 12, height),
    ...labelledTicks(axis).map(([tick, name]) =>
      text(18, scaled(axis, tick, height, 0) + 4, name, { size: 11, fill: theme.muted }),
    ),
    sideways(64, height / 2, label, theme.ink),
  )
}

/** The width of a colour bar. */
export const colorBarWidth = 72
