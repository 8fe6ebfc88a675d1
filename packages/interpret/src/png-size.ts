import { VitrineError } from "@vitrine/core"

export interface PngOptions {
  /** Pixels of the PNG for one of the SVG, 2 by default. */
  readonly scale?: number
}

/** What browsers and renderers draw at most. */
const limit = 16384

/** The size of the PNG of a figure. */
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
