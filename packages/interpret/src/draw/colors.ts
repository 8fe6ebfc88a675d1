import { rgb } from "d3-color"
import { interpolateInferno, interpolateSinebow, interpolateViridis, schemeTableau10 } from "d3-scale-chromatic"

/** From 0 … 1 to a colour as three bytes. */
export type ColorMap = (x: number) => readonly [red: number, green: number, blue: number]

export const viridis: ColorMap = tabulated(interpolateViridis)
export const inferno: ColorMap = tabulated(interpolateInferno)

/** Ten colours that are told apart well, then others that lie far from those before. */
export function classColor(kind: number): string {
  return schemeTableau10[kind] ?? rgb(interpolateSinebow((kind * 0.618034) % 1)).formatHex()
}

/** From one colour to another, in equal steps. */
export function blend(from: string, to: string): ColorMap {
  const [a, b] = [rgb(from), rgb(to)]
  const mix = (p: number, q: number, x: number): number => Math.round(p + (q - p) * x)
  return (x) => [mix(a.r, b.r, x), mix(a.g, b.g, x), mix(a.b, b.b, x)]
}

export const hex = ([red, green, blue]: readonly [number, number, number]): string => rgb(red, green, blue).formatHex()

/** A map of 256 colours, computed once it is used. */
function tabulated(interpolate: (x: number) => string): ColorMap {
  let table: (readonly [number, number, number])[] | undefined
  return (x) => {
    table ??= Array.from({ length: 256 }, (_, i) => {
      const { r, g, b } = rgb(interpolate(i / 255))
      return [r, g, b] as const
    })
    return table[Math.min(255, Math.max(0, Math.round(255 * x)))] as readonly [number, number, number]
  }
}
