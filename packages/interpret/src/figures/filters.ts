import type { Image } from "@vitrine/data"
import { format } from "d3-format"
import { sum } from "../data/tensors.ts"
import type { FilterComponents } from "../data/filters.ts"
import { type ColorMap, scaleColors } from "../draw/colors.ts"
import { imageOf } from "../draw/raster.ts"
import { type FigureStyle, figure, themeOf } from "../draw/svg.ts"
import { tiles } from "../draw/tiles.ts"

/**
 * Draws the principal components of filters, seven in a row: ViT paper (Dosovitskiy et al., 2021), figure 7 left.
 * Filters of three channels are drawn as colours, filters of one channel in grey. Of others the mean over the channels
 * is drawn, from negative (blue) to positive (orange). The sign of a component means nothing.
 */
export function filtersFigure(filters: FilterComponents, style: FigureStyle = {}): string {
  const theme = themeOf(style)
  const { count, height, width, components, explained } = filters
  const signed = scaleColors("signed", theme.name)
  const length = components.length / count
  const images = Array.from(explained, (share, k) => ({
    images: [componentImage(components.subarray(k * length, (k + 1) * length), filters, signed)],
    caption: format(".1%")(share),
  }))
  return figure({
    title: "Filters of the patch embedding",
    subtitle: `The first ${count} principal components of the ${height}×${width}-pixel filters and the variance that each explains; together ${format(".0%")(sum(explained))}`,
    theme,
    ...tiles(images, { columns: 7, side: 76, theme }),
  })
}

/** Draws a component `[height, width, channels]`, scaled by its largest magnitude. */
function componentImage(
  values: Float32Array,
  { width, height, channels }: Pick<FilterComponents, "width" | "height" | "channels">,
  signed: ColorMap,
): Image {
  const largest = values.reduce((a, x) => Math.max(a, Math.abs(x)), 0) || 1
  return imageOf(width, height, (x, y) => {
    const at = (y * width + x) * channels
    const pixel = values.subarray(at, at + channels)
    if (channels !== 1 && channels !== 3) return signed(0.5 + sum(pixel) / channels / largest / 2)
    const [red = 0, green = red, blue = red] = pixel.map((value) => Math.round(127.5 * (1 + value / largest)))
    return [red, green, blue]
  })
}
