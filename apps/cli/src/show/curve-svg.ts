import { type Curve, type Point, smoothed, thinned } from "./curve.ts"
import { count, percent, short } from "./text.ts"

const width = 760
const left = 64
const right = 28
const inner = width - left - right

interface Panel {
  readonly title: string
  readonly height: number
  readonly lines: readonly { readonly points: readonly Point[]; readonly style: string; readonly dots?: boolean }[]
  /** Names a value of the axis whose grid lines stand `step` apart. */
  readonly format: (y: number, step: number) => string
}

const blue = "#2563eb"
const green = "#15803d"
const orange = "#c2410c"

/** The curves of a run as a picture: loss, accuracy and learning rate over the steps. */
export function curveSvg({ steps, evaluations }: Curve, title: string): string {
  const losses = steps.map(({ step, loss }): Point => [step, loss])
  const validation = evaluations.map(({ step, loss }): Point => [step, loss])
  const accuracy = evaluations.map(({ step, top1 }): Point => [step, top1])
  const best = accuracy.reduce<Point | undefined>((a, b) => (a === undefined || b[1] > a[1] ? b : a), undefined)
  const panels: Panel[] = [
    {
      title: "Loss",
      height: 210,
      lines: [
        { points: thinned(losses, 1500), style: `stroke="${blue}" stroke-opacity="0.22" stroke-width="1"` },
        { points: smoothed(losses, 300), style: `stroke="${blue}" stroke-width="2.2"` },
        { points: validation, style: `stroke="${orange}" stroke-width="2" stroke-dasharray="5 3"`, dots: true },
      ],
      format: short,
    },
    ...(accuracy.length === 0
      ? []
      : [
          {
            title:
              best === undefined ? "" : `Validation accuracy, best ${percent(best[1], 2)} at step ${count(best[0])}`,
            height: 150,
            lines: [{ points: accuracy, style: `stroke="${green}" stroke-width="2.2"`, dots: true }],
            format: (y: number, step: number) => percent(y, step < 0.01 ? (step < 0.001 ? 2 : 1) : 0),
          },
        ]),
    {
      title: "Learning rate",
      height: 70,
      lines: [
        {
          points: thinned(
            steps.map(({ step, learningRate }): Point => [step, learningRate]),
            400,
          ),
          style: `stroke="#6b7280" stroke-width="1.8"`,
        },
      ],
      format: short,
    },
  ]
  const last = Math.max(1, steps.at(-1)?.step ?? 1)
  let y = 62
  const drawn: string[] = []
  for (const panel of panels) {
    drawn.push(drawPanel(panel, y, last))
    y += panel.height + 52
  }
  const height = y - 4
  const legend = [
    [blue, "training loss, smoothed"],
    ...(validation.length > 0 ? [[orange, "validation loss"]] : []),
  ].map(
    ([color, text], i) =>
      `<g transform="translate(${left + 340 + 190 * i} 27)"><path d="M0 0h22" stroke="${color}" stroke-width="2.4"/>` +
      `<text x="28" y="4" fill="#4b5563">${text}</text></g>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${left}" y="32" font-size="17" font-weight="600" fill="#111827">${escape(title)}</text>`,
    ...legend,
    ...drawn,
    `<text x="${left + inner}" y="${height - 10}" text-anchor="end" fill="#6b7280">steps</text>`,
    "</svg>\n",
  ].join("\n")
}

function drawPanel({ title, height, lines, format }: Panel, top: number, last: number): string {
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y))
  const [low, high, step] = range(Math.min(...ys), Math.max(...ys), height < 100 ? 2 : 5)
  const place = ([x, y]: Point): string => {
    const across = left + (inner * x) / last
    const down = top + height - (height * (y - low)) / (high - low)
    return `${across.toFixed(1)} ${down.toFixed(1)}`
  }
  const parts = [`<text x="${left}" y="${top - 10}" font-weight="600" fill="#374151">${escape(title)}</text>`]
  for (let y = low; y <= high + step / 2; y += step) {
    const [, down] = place([0, y]).split(" ") as [string, string]
    const shown = Number(y.toPrecision(6))
    parts.push(
      `<path d="M${left} ${down}h${inner}" stroke="#e5e7eb"/>`,
      `<text x="${left - 8}" y="${Number(down) + 4}" text-anchor="end" fill="#6b7280">${format(shown, step)}</text>`,
    )
  }
  const [, , across] = range(0, last, 6)
  for (let x = 0; x <= last; x += across)
    parts.push(
      `<text x="${place([x, low]).split(" ")[0]}" y="${top + height + 17}" text-anchor="middle" fill="#6b7280">${count(x)}</text>`,
    )
  for (const { points, style, dots } of lines) {
    if (points.length > 1)
      parts.push(`<path d="M${points.map(place).join("L")}" fill="none" stroke-linejoin="round" ${style}/>`)
    const color = /stroke="([^"]+)"/.exec(style)?.[1]
    if (dots)
      for (const point of points) {
        const [x, y] = place(point).split(" ")
        parts.push(`<circle cx="${x}" cy="${y}" r="3" fill="${color}"/>`)
      }
  }
  return parts.join("\n")
}

/** Round ends and a round step for an axis of about `count` intervals. */
function range(low: number, high: number, count: number): [low: number, high: number, step: number] {
  if (!(high > low)) return [low - 0.5, low + 0.5, 0.5]
  const rough = (high - low) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) as number
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step, step]
}

const escape = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] as string)
