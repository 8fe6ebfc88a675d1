import { rgb } from "d3-color"
import { interpolateInferno, interpolateSinebow, interpolateViridis, schemeTableau10 } from "d3-scale-chromatic"

// Every colour of the figures, and the colours of values on the site.

/** The names of the themes. */
export type ThemeName = "light" | "dark"

/** Colours of everything except the data. */
export interface Theme {
  readonly name: ThemeName
  readonly background: string
  readonly ink: string
  readonly muted: string
  readonly grid: string
  readonly blue: string
  readonly orange: string
  readonly green: string
  readonly red: string
}

export const themes: Readonly<Record<ThemeName, Theme>> = {
  light: {
    name: "light",
    background: "#ffffff",
    ink: "#111827",
    muted: "#4b5563",
    grid: "#e5e7eb",
    blue: "#2563eb",
    orange: "#c2410c",
    green: "#15803d",
    red: "#b91c1c",
  },
  dark: {
    name: "dark",
    background: "#0f1218",
    ink: "#f3f4f6",
    muted: "#a3abb8",
    grid: "#2a303b",
    blue: "#7aa2ff",
    orange: "#fb923c",
    green: "#4ade80",
    red: "#f87171",
  },
}

/** Maps a number from 0 to 1 to a colour of three bytes. */
export type ColorMap = (x: number) => Color

export type Color = readonly [red: number, green: number, blue: number]

/** The colour maps of the papers' figures. They are the same in both themes. */
export const viridis: ColorMap = /* @__PURE__ */ lazyMap((i) => bytesOf(interpolateViridis(i / 255)))
/** Matplotlib's colour map inferno, from 0 to 1. */
export const inferno: ColorMap = /* @__PURE__ */ lazyMap((i) => bytesOf(interpolateInferno(i / 255)))

/** What the colours of a matrix mean: a sign and a magnitude, a share of 1, or the brightness of a channel. */
export type ColorScale = "signed" | "share" | "light" | "red" | "green" | "blue"

type Oklch = readonly [lightness: number, chroma: number, hue: number]

/** Colours from the least to the greatest value, at equal distances. */
const scales: Readonly<Record<ThemeName, Readonly<Record<ColorScale, readonly Oklch[]>>>> = {
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

/** The 256 colours of a scale from its least to its greatest value. Each has three bytes: red, green and blue. */
export function colorTable(scale: ColorScale, theme: ThemeName): Uint8ClampedArray {
  const key = `${scale} ${theme}`
  const table = tables.get(key) ?? tableOf(scales[theme][scale])
  tables.set(key, table)
  return table
}

/** The colour map of a scale. */
export function scaleColors(scale: ColorScale, theme: ThemeName): ColorMap {
  const table = colorTable(scale, theme)
  return (x) => {
    const [red = 0, green = 0, blue = 0] = table.subarray(3 * indexOf(x))
    return [red, green, blue]
  }
}

function tableOf(stops: readonly Oklch[]): Uint8ClampedArray {
  const labs = stops.map(oklab)
  return Uint8ClampedArray.from(
    Array.from({ length: 256 }, (_, i) => {
      const at = (i / 255) * (labs.length - 1)
      const first = Math.min(Math.floor(at), labs.length - 2)
      const [from, to] = labs.slice(first)
      if (from === undefined || to === undefined) throw new RangeError("a colour scale needs two colours")
      const mix = (axis: 0 | 1 | 2): number => from[axis] + (at - first) * (to[axis] - from[axis])
      return srgb(mix(0), mix(1), mix(2))
    }).flat(),
  )
}

function oklab([lightness, chroma, hue]: Oklch): readonly [lightness: number, a: number, b: number] {
  const angle = (hue * Math.PI) / 180
  return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)]
}

/** OKLab to sRGB bytes, not yet rounded (Ottosson, 2020). */
function srgb(lightness: number, a: number, b: number): number[] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((x) => 255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055))
}

/**
 * The colour of a class. The first ten are easy to tell apart. Later ones differ from their predecessors by the golden
 * ratio of the hue circle.
 */
export function classColor(index: number): string {
  return schemeTableau10[index] ?? rgb(interpolateSinebow((index * 0.618034) % 1)).formatHex()
}

/** The colour of a series: those of the theme first, then others that differ from them. */
export function seriesColor(index: number, { blue, green, orange }: Theme): string {
  // Tableau's first, second and fifth colours are close to the theme's blue, orange and green.
  const distinctColors = schemeTableau10.filter((_, i) => ![0, 1, 4].includes(i))
  const colors = [blue, green, orange, ...distinctColors]
  return colors[index % colors.length] ?? blue
}

/** Black or white, whichever is easier to read on a colour (relative luminance of WCAG 2). */
export function inkOn(color: string): string {
  const [red, green, blue] = bytesOf(color)
  const linear = (value: number): number => ((value / 255 + 0.055) / 1.055) ** 2.4
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) > 0.3 ? themes.light.ink : "#ffffff"
}

/** A colour map from one colour to another in equal steps. */
export function blend(from: string, to: string): ColorMap {
  const [a, b] = [bytesOf(from), bytesOf(to)]
  const mix = (channel: 0 | 1 | 2, x: number): number => Math.round(a[channel] + (b[channel] - a[channel]) * x)
  return (x) => [mix(0, x), mix(1, x), mix(2, x)]
}

export const hex = ([red, green, blue]: Color): string => rgb(red, green, blue).formatHex()

function bytesOf(color: string): Color {
  const { r, g, b } = rgb(color)
  return [r, g, b]
}

const indexOf = (x: number): number => Math.min(255, Math.max(0, Math.round(255 * x)))

/** A map of 256 colours. It computes each colour at its first use. */
function lazyMap(color: (index: number) => Color): ColorMap {
  const cache: Color[] = []
  return (x) => {
    const i = indexOf(x)
    return (cache[i] ??= color(i))
  }
}
