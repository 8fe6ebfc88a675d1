import { format } from "d3-format"
import { bestOf, type Curve, curveScores, type Point, smoothCurve, thinCurve } from "../data/curve.ts"
import { axes, exactAxis, niceAxis } from "../draw/axes.ts"
import { drawLine, legend, type Line } from "../draw/lines.ts"
import { element, type FigureStyle, figure, text, themeOf } from "../draw/svg.ts"

const width = 640

interface Panel {
  readonly title: string
  readonly height: number
  readonly lines: readonly Line[]
  readonly unit?: "%"
}

/** The curves of a run: training and validation loss, score, and learning rate over the steps. */
export function curveFigure(
  { steps, measure, evaluations, split: testSplit }: Curve,
  { title = "Learning curve", ...style }: FigureStyle & { readonly title?: string } = {},
): string {
  const theme = themeOf(style)
  const losses = steps.map(({ step, loss }): Point => [step, loss])
  const validation = evaluations.flatMap(({ step, loss }): Point[] => (loss === undefined ? [] : [[step, loss]]))
  const scores = evaluations.map(({ step, score }): Point => [step, score])
  const rates = steps.map(({ step, learningRate }): Point => [step, learningRate])
  const split = testSplit ?? "validation"
  const [which, evaluation] = split === "test" ? ["Last", evaluations.at(-1)] : ["Best", bestOf(evaluations)]
  const all: Panel[] = [
    {
      title: "Loss",
      height: 210,
      lines: [
        { points: thinCurve(losses, 1500), color: theme.blue, opacity: 0.22, thick: 1 },
        { points: smoothCurve(losses, 300), color: theme.blue },
        { points: validation, color: theme.orange, dots: true },
      ],
    },
    {
      title: `${split === "test" ? "Test" : "Validation"} ${curveScores[measure]}`,
      height: 150,
      lines: [{ points: scores, color: theme.green, dots: true }],
      unit: "%",
    },
    { title: "Learning rate", height: 70, lines: [{ points: thinCurve(rates, 400), color: theme.muted, thick: 1.8 }] },
  ]
  const panels = all.filter(({ lines }) => lines.some(({ points }) => points.length > 0))
  const x = exactAxis(0, Math.max(1, steps.at(-1)?.step ?? 1, evaluations.at(-1)?.step ?? 1), 6)
  const content: string[] = []
  let top = 16
  for (const panel of panels) {
    const { height, lines, unit } = panel
    const values = lines.flatMap(({ points }) => points.map(([, value]) => value))
    const y = niceAxis(values, height < 100 ? 2 : 5, unit === "%" ? [0, 1] : undefined)
    const xLabel = panel === panels.at(-1) ? "Steps" : undefined
    content.push(
      element(
        "g",
        { transform: `translate(60 ${top})` },
        text(0, -10, panel.title, { size: 12, fill: theme.ink, bold: true }),
        ...axes({ width, height, x, y, theme, unit, xLabel }),
        ...lines.flatMap((line) => drawLine(line, { x, y, width, height })),
      ),
    )
    top += height + 54
  }
  const keys: [string, string][] = [[theme.blue, "training, smoothed"]]
  if (validation.length > 0) keys.push([theme.orange, split])
  const subtitle =
    evaluation === undefined
      ? "Without validation images"
      : `${which} ${split} ${curveScores[measure]} ${format(".2%")(evaluation.score)} at step ${format(",")(evaluation.step)}`
  return figure({
    title,
    subtitle,
    theme,
    width: 60 + width + 10,
    height: top - 12,
    content: [...content, element("g", { transform: "translate(60 6)" }, ...legend(keys, width, theme).content)],
  })
}
