import { format } from "d3-format"
import type { FilterComponents } from "../data/filters.ts"
import { scaleColors } from "../draw/colors.ts"
import { drawn } from "../draw/raster.ts"
import { type FigureStyle, figure, themeOf } from "../draw/svg.ts"
import { tiles } from "../draw/tiles.ts"

/**
 * The principal components of the patch filters, seven in a row: ViT paper (Dosovitskiy et al., 2021), figure 7 left.
 * Three channels are shown as colours, others as their mean, from negative (blue) to positive (orange) where there are
 * several, in grey where there is one. The sign of a component means nothing.
 */
export function filtersFigure(filters: FilterComponents, style: FigureStyle = {}): string {
  const theme = themeOf(style)
  const signed = scaleColors("signed", theme.name)
  const { count, height, width, channels, components, explained } = filters
  const images = Array.from({ length: count }, (_, k) => {
    const own = components.subarray(k * height * width * channels, (k + 1) * height * width * channels)
    const largest = own.reduce((a, x) => Math.max(a, Math.abs(x)), 0) || 1
    const image = drawn(width, height, (x, y) => {
      const at = (y * width + x) * channels
      const byte = (c: number): number => Math.round(127.5 * (1 + (own[at + c] as number) / largest))
      if (channels === 3) return [byte(0), byte(1), byte(2)]
      if (channels === 1) return [byte(0), byte(0), byte(0)]
      const mean = own.subarray(at, at + channels).reduce((a, b) => a + b, 0) / channels / largest
      return signed((1 + mean) / 2)
    })
    return { images: [image], caption: format(".1%")(explained[k] as number) }
  })
  const block = tiles(images, { columns: 7, side: 76, theme })
  const whole = format(".0%")(explained.reduce((a, b) => a + b, 0))
  return figure({
    title: "Filters of the patch embedding",
    subtitle: `The first ${count} principal components of the ${height}×${width}-pixel filters and the variance that each explains; together ${whole}`,
    theme,
    ...block,
  })
}
