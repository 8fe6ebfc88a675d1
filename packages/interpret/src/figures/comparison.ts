import { VitrineError } from "@vitrine/core"
import { axes, logAxis, niceAxis } from "../draw/axes.ts"
import { seriesColor } from "../draw/colors.ts"
import { drawLine, legend } from "../draw/lines.ts"
import { element, type FigureStyle, figure, fitted, text, themeOf } from "../draw/svg.ts"

/** A run with the accuracy and the training operations of each of its evaluations. */
export interface ComparedRun {
  readonly name: string
  /** Runs of one family have one colour. */
  readonly family: string
  /** Runs on the same data share a panel. */
  readonly data: string
  /** `flops`: operations of training before the evaluation, above 0; `top1`: the accuracy on validation images. */
  readonly evaluations: readonly { readonly flops: number; readonly top1: number }[]
}

/**
 * Accuracy against training operations, a line for each run. The ViT paper's figure 5 (Dosovitskiy et al., 2021) has a
 * dot for each model. If all runs have one family, each run has its own colour.
 * @throws VitrineError (config) if no run has an evaluation, (shape) for an evaluation without operations
 */
export function comparisonFigure(
  runs: readonly ComparedRun[],
  { title = "Accuracy against training compute", ...style }: FigureStyle & { readonly title?: string } = {},
): string {
  const theme = themeOf(style)
  const all = runs.flatMap(({ evaluations }) => evaluations)
  if (all.length === 0) throw new VitrineError("config", "there is nothing to compare: no run has an evaluation yet")
  if (!all.every(({ flops, top1 }) => flops > 0 && flops < Infinity && Number.isFinite(top1)))
    throw new VitrineError("shape", "an evaluation must have operations above 0 and an accuracy")
  const families = distinct(runs.map(({ family }) => family))
  const seriesOf = ({ family, name }: ComparedRun): string => (families.length > 1 ? family : name)
  const series = distinct(runs.map(seriesOf))
  const data = distinct(runs.map((run) => run.data))
  const columns = Math.min(2, data.length)
  const [width, height] = [columns === 1 ? 560 : 370, 260]
  const cell = { width: 64 + width, height: height + 84 }
  const x = logAxis(all.map(({ flops }) => flops))
  const full = columns * cell.width
  const keys = legend(
    series.map((name, i) => [seriesColor(i, theme), name] as const),
    full - 64,
    theme,
  )
  const panels = data.map((name, i) => {
    const panelRuns = runs.filter((run) => run.data === name)
    const accuracies = panelRuns.flatMap(({ evaluations }) => evaluations.map(({ top1 }) => top1))
    const frame = { width, height, x, y: niceAxis(accuracies, 6, [0, 1]) }
    const [across, down] = [(i % columns) * cell.width, Math.floor(i / columns) * cell.height]
    return element(
      "g",
      { transform: `translate(${64 + across} ${keys.height + 24 + down})` },
      text(0, -12, fitted(name, width), { fill: theme.ink, bold: true }),
      ...axes({ ...frame, theme, unit: "%", xLabel: "Operations of training, log scale", yLabel: "Accuracy" }),
      ...panelRuns.flatMap((run) =>
        drawLine(
          {
            points: run.evaluations.map(({ flops, top1 }) => [flops, top1] as const),
            color: seriesColor(series.indexOf(seriesOf(run)), theme),
            dots: true,
            name: run.name,
          },
          frame,
        ),
      ),
    )
  })
  return figure({
    title,
    subtitle: "Accuracy on validation images after so many operations of training (forward and backward)",
    theme,
    width: full,
    height: keys.height + 24 + Math.ceil(data.length / columns) * cell.height - 36,
    content: [element("g", { transform: "translate(64 4)" }, ...keys.content), ...panels],
  })
}

const distinct = <T>(all: readonly T[]): T[] => [...new Set(all)]
