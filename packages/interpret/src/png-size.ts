import { VitrineError } from "@vitrine/core"

/** Options of turning an SVG into a PNG. */
export interface PngOptions {
  /** The number of pixels of the PNG for one unit of the SVG, 2 by default. */
  readonly scale?: number
}

/** The longest side that browsers and renderers draw. */
const limit = 16384

/**
 * The size of a figure's PNG.
 * @throws VitrineError (config) if the SVG is no figure, or if a side of the PNG is under 1 or over 16,384 pixels
 */
export function pngSize(svg: string, { scale = 2 }: PngOptions): { width: number; height: number; scale: number } {
  const [, width, height] = /^<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? []
  if (width === undefined || height === undefined) throw new VitrineError("config", "this is no SVG of a figure")
  const size = { width: Math.round(Number(width) * scale), height: Math.round(Number(height) * scale), scale }
  if (!(scale > 0) || size.width > limit || size.height > limit || size.width < 1 || size.height < 1)
    throw new VitrineError(
      "config",
      `a PNG of ${size.width}×${size.height} pixels cannot be made (at most ${limit} a side)`,
    )
  return size
}
