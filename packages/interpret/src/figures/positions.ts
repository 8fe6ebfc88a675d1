import type { PositionSimilarity } from "../data/positions.ts"
import { colorBar, colorBarWidth } from "../draw/axes.ts"
import { viridis } from "../draw/colors.ts"
import { drawn, imageElement } from "../draw/raster.ts"
import { element, type FigureStyle, figure, text, themeOf } from "../draw/svg.ts"

const largestSide = 560
const most = 14

/**
 * The similarity of position embeddings, a map for each patch that compares it with all: ViT paper (Dosovitskiy et al.,
 * 2021), figure 7 centre. Of grids with more than 14 rows or columns, maps are left out evenly; rows and columns count from 0.
 */
export function positionsFigure({ grid, values }: PositionSimilarity, style: FigureStyle = {}): string {
  const theme = themeOf(style)
  const { rows, columns } = grid
  const stride = Math.ceil(Math.max(rows, columns) / most)
  const places = (count: number): number[] => Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride)
  const [down, across] = [places(rows), places(columns)]
  const gap = 4
  const cell = (largestSide + gap) / Math.max(down.length, across.length, 4)
  const scale = (cell - gap) / Math.max(rows, columns)
  const [width, height] = [columns * scale, rows * scale]
  const step = [width + gap, height + gap] as const
  const maps = down.flatMap((row, i) =>
    across.map((column, k) => {
      const own = (row * columns + column) * rows * columns
      const color = (x: number, y: number) => viridis(((values[own + y * columns + x] as number) + 1) / 2)
      return imageElement(drawn(columns, rows, color), k * step[0], i * step[1], width, height)
    }),
  )
  const full = { width: across.length * step[0] - gap, height: down.length * step[1] - gap }
  const labels = [
    ...down.map((row, i) =>
      text(-8, i * step[1] + height / 2 + 4, String(row), { size: 11, fill: theme.muted, anchor: "end" }),
    ),
    ...across.map((column, k) =>
      text(k * step[0] + width / 2, full.height + 18, String(column), {
        size: 11,
        fill: theme.muted,
        anchor: "middle",
      }),
    ),
    text(full.width / 2, full.height + 38, "Input patch column", { fill: theme.ink, anchor: "middle" }),
    text(0, 0, "Input patch row", {
      fill: theme.ink,
      anchor: "middle",
      transform: `translate(-34 ${full.height / 2}) rotate(-90)`,
    }),
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
