import type { PositionSimilarity } from "../data/positions.ts"
import { colorBar, colorBarWidth, sideways } from "../draw/axes.ts"
import { viridis } from "../draw/colors.ts"
import { imageElement, imageOf } from "../draw/raster.ts"
import { element, type FigureStyle, figure, text, themeOf } from "../draw/svg.ts"

const largestSide = 560
/** The greatest number of maps in a row or column. */
const most = 14

/**
 * Draws the similarity of position embeddings: ViT paper (Dosovitskiy et al., 2021), figure 7 centre. One map for each
 * patch compares its embedding with those of all patches. Of a grid with more than 14 rows or columns, only evenly
 * spaced ones are drawn. Rows and columns count from 0.
 */
export function positionsFigure({ grid, values }: PositionSimilarity, style: FigureStyle = {}): string {
  const theme = themeOf(style)
  const { rows, columns } = grid
  const stride = Math.ceil(Math.max(rows, columns) / most)
  const every = (count: number): number[] => Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride)
  const [down, across] = [every(rows), every(columns)]
  const gap = 4
  const cell = (largestSide + gap) / Math.max(down.length, across.length, 4)
  const scale = (cell - gap) / Math.max(rows, columns)
  const [width, height] = [columns * scale, rows * scale]
  const step = { x: width + gap, y: height + gap }
  const patches = rows * columns
  const maps = down.flatMap((row, i) =>
    across.map((column, k) => {
      const from = (row * columns + column) * patches
      const similarities = values.subarray(from, from + patches)
      const map = imageOf(columns, rows, (x, y) => viridis(((similarities[y * columns + x] ?? 0) + 1) / 2))
      return imageElement(map, k * step.x, i * step.y, width, height)
    }),
  )
  const full = { width: across.length * step.x - gap, height: down.length * step.y - gap }
  const label = { size: 11, fill: theme.muted }
  const labels = [
    ...down.map((row, i) => text(-8, i * step.y + height / 2 + 4, String(row), { ...label, anchor: "end" })),
    ...across.map((column, k) =>
      text(k * step.x + width / 2, full.height + 18, String(column), { ...label, anchor: "middle" }),
    ),
    text(full.width / 2, full.height + 38, "Input patch column", { fill: theme.ink, anchor: "middle" }),
    sideways(-34, full.height / 2, "Input patch row", theme.ink),
    colorBar(full.width + 18, full.height, [-1, 1], viridis, "Cosine similarity", theme),
  ]
  return figure({
    title: "Similarity of position embeddings",
    subtitle: "Each map compares the position embedding of the patch at its row and column with those of all patches",
    theme,
    width: 48 + full.width + 18 + colorBarWidth,
    height: full.height + 40,
    content: [element("g", { transform: "translate(48 0)" }, ...maps, ...labels)],
  })
}
