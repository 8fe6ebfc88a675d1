import { VitrineError } from "@vitrine/core"
import { axes, logAxis, niceAxis } from "../draw/axes.ts"
import { seriesColor } from "../draw/colors.ts"
import { drawLine, legend } from "../draw/lines.ts"
import { element, type FigureStyle, figure, fitted, text, themeOf } from "../draw/svg.ts"

/** A run with the size of its training data and its accuracy. */
export interface SizedRun {
  /** Runs of one family are joined to a line. */
  readonly family: string
  /** Runs on the same data share a panel. */
  readonly data: string
  /** Training images, above 0. */
  readonly examples: number
  readonly top1: number
}

/**
 * Accuracy against the number of training images, as the ViT paper's figures 3 and 4 (Dosovitskiy et al., 2021): a line
 * for each family through the means of its runs, and a dot for each run.
 * @throws VitrineError (config) if there is no run, (shape) for a run without images
 */
export function dataSizeFigure(
  runs: readonly SizedRun[],
  { title = "Accuracy against training images", ...style }: FigureStyle & { readonly title?: string } = {},
): string {
  const theme = themeOf(style)
  if (runs.length === 0) throw new VitrineError("config", "there is nothing to compare: no run has an evaluation yet")
  if (!runs.every(({ examples, top1 }) => examples > 0 && examples < Infinity && Number.isFinite(top1)))
    throw new VitrineError("shape", "a run must have training images and an accuracy")
  const distinct = <T>(all: readonly T[]): T[] => [...new Set(all)]
  const families = distinct(runs.map(({ family }) => family))
  const data = distinct(runs.map((run) => run.data))
  const columns = Math.min(2, data.length)
  const [width, height] = [columns === 1 ? 560 : 370, 260]
  const cell = { width: 64 + width, height: height + 84 }
  const full = columns * cell.width
  const keys = legend(
    families.map((name, i) => [seriesColor(i, theme), name] as const),
    full - 64,
    theme,
  )
  const panels = data.map((name, i) => {
    const panelRuns = runs.filter((run) => run.data === name)
    const frame = {
      width,
      height,
      x: logAxis(panelRuns.map(({ examples }) => examples)),
      y: niceAxis(
        panelRuns.map(({ top1 }) => top1),
        6,
        [0, 1],
      ),
    }
    const lines = families.flatMap((family, at) => {
      const own = panelRuns.filter((run) => run.family === family)
      const sizes = distinct(own.map(({ examples }) => examples)).sort((a, b) => a - b)
      const points = sizes.map((size) => {
        const all = own.filter(({ examples }) => examples === size)
        return [size, all.reduce((sum, { top1 }) => sum + top1, 0) / all.length] as const
      })
      const color = seriesColor(at, theme)
      return [
        ...drawLine({ points, color, dots: true, name: family }, frame),
        ...own.flatMap(({ examples, top1 }) =>
          drawLine({ points: [[examples, top1]], color, dots: true, name: `${family}, one run` }, frame),
        ),
      ]
    })
    const [across, down] = [(i % columns) * cell.width, Math.floor(i / columns) * cell.height]
    return element(
      "g",
      { transform: `translate(${64 + across} ${keys.height + 24 + down})` },
      text(0, -12, fitted(name, width), { fill: theme.ink, bold: true }),
      ...axes({ ...frame, theme, unit: "%", xLabel: "Training images, log scale", yLabel: "Accuracy" }),
      ...lines,
    )
  })
  return figure({
    title,
    subtitle: "Accuracy on validation images: lines through the means, a dot for each run",
    theme,
    width: full,
    height: keys.height + 24 + Math.ceil(data.length / columns) * cell.height - 36,
    content: [element("g", { transform: "translate(64 4)" }, ...keys.content), ...panels],
  })
}
