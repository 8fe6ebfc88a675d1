import { VitrineError } from "@vitrine/core"
import { sum } from "../data/tensors.ts"
import { axes, exactAxis, niceAxis, scaled } from "../draw/axes.ts"
import { hex, viridis } from "../draw/colors.ts"
import { element, type FigureStyle, figure, text, themeOf } from "../draw/svg.ts"

/**
 * Draws the mean attention distance of each head by depth: ViT paper (Dosovitskiy et al., 2021), figures 7 right and
 * 11.
 * @param distances in pixels, `[depth][heads]`, from `attentionDistance` of each block
 * @param options `images`: the number of images in the average, for the subtitle
 */
export function distanceFigure(
  distances: readonly ArrayLike<number>[],
  { images, ...style }: FigureStyle & { readonly images?: number } = {},
): string {
  const theme = themeOf(style)
  const depth = distances.length
  if (depth === 0 || distances.some(({ length }) => length === 0))
    throw new VitrineError("shape", "attention distances need one block and one head or more")
  const rows = distances.map((row) => Array.from(row))
  const [width, height] = [520, 320]
  const y = niceAxis([0, ...rows.flat()], 6)
  const x = { ...exactAxis(-0.6, depth - 0.4, 1), ticks: blockTicks(depth) }
  const place = (block: number, distance: number) =>
    [scaled(x, block, 0, width), scaled(y, distance, height, 0)] as const
  const heads = Math.max(...rows.map(({ length }) => length))
  const color = (head: number): string => hex(viridis(heads === 1 ? 0.4 : 0.08 + (0.8 * head) / (heads - 1)))
  const dots = rows.flatMap((row, block) =>
    row.map((distance, head) => {
      const [cx, cy] = place(block, distance)
      return element("circle", { cx, cy, r: 5, fill: color(head), "fill-opacity": 0.85, stroke: theme.background })
    }),
  )
  const dashed = { fill: "none", stroke: theme.muted, "stroke-width": 1.5, "stroke-dasharray": "4 4" }
  const means = rows.map((row, block) => place(block, sum(row) / row.length).join(" "))
  const legendHeads = heads <= 8 ? Array.from({ length: heads }, (_, h) => h) : [0, Math.floor(heads / 2), heads - 1]
  const label = { size: 11, fill: theme.muted }
  const legend = [
    element("path", { d: `M${width + 18} 4h20`, ...dashed }),
    text(width + 46, 8, "mean of heads", label),
    ...legendHeads.flatMap((head, i) => [
      element("circle", { cx: width + 28, cy: 26 + 20 * i, r: 5, fill: color(head) }),
      text(width + 46, 30 + 20 * i, `head ${head}`, label),
    ]),
  ]
  const over = images === undefined ? "" : `, over ${images} ${images === 1 ? "image" : "images"}`
  return figure({
    title: "Mean attention distance",
    subtitle: `How far from a patch each head looks, by its attention${over}`,
    theme,
    width: 60 + width + 130,
    height: height + 40,
    content: [
      element(
        "g",
        { transform: "translate(60 0)" },
        ...axes({ width, height, x, y, theme, xLabel: "Block", yLabel: "Mean attention distance (pixels)" }),
        element("path", { d: `M${means.join("L")}`, ...dashed }),
        ...dots,
        ...legend,
      ),
    ],
  })
}

/** At most 16 of the blocks, evenly spaced. */
function blockTicks(depth: number): number[] {
  const step = Math.ceil(depth / 16)
  return Array.from({ length: Math.ceil(depth / step) }, (_, i) => i * step)
}
