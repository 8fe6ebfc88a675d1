import { basename, extname } from "node:path"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { comparisonFigure, type FigureStyle } from "@vitrine/interpret"
import { readRun, type RunSummary } from "vitrine"
import { UsageError } from "../errors.ts"
import { colors, note, print } from "../output.ts"
import { shortModel } from "../show/model-name.ts"
import { count, duration, metric, percent, printable, table } from "../show/text.ts"

export interface CompareFlags {
  readonly out?: string
  readonly theme: NonNullable<FigureStyle["theme"]>
  readonly json?: true
}

/** Says what runs have come to, side by side, and draws it. */
export async function compare(paths: readonly string[], { out, theme, json }: CompareFlags): Promise<void> {
  const ending = out === undefined ? undefined : extname(out)
  if (ending !== undefined && ending !== ".svg" && ending !== ".png")
    throw new UsageError(`--out ${out}: the name must end in .svg or .png`)
  const runs: RunSummary[] = []
  for (const path of new Set(paths)) runs.push(await readRun(path))
  const svg = out === undefined ? "" : comparisonFigure(runs.map(drawn), { theme })
  if (out !== undefined) await writeFileAtomic(out, ending === ".svg" ? `${svg}\n` : [await png(svg)])
  if (json) {
    print(JSON.stringify({ runs }))
    return
  }
  print(report(runs))
  if (runs.some(({ from }) => from !== null))
    note(colors.dim("What a run started from was trained too; only the run itself is counted."))
  if (out !== undefined) note(`${out}: accuracy against training compute`)
}

async function png(svg: string): Promise<Uint8Array> {
  const { toPng } = await import("@vitrine/interpret/node")
  return toPng(svg)
}

const drawn = ({ run, family, data, evaluations }: RunSummary): Parameters<typeof comparisonFigure>[0][number] => ({
  name: printable(basename(run)),
  family,
  data: printable(basename(data)),
  evaluations,
})

/** A row for each run; the data are told where they differ. */
function report(runs: readonly RunSummary[]): string {
  const many = new Set(runs.map(({ data }) => data)).size > 1
  const head = [
    "run",
    ...(many ? ["data"] : []),
    "model",
    "parameters",
    "FLOPs/image",
    "images",
    "total FLOPs",
    "steps",
  ]
  const rows = runs.map((run) => [
    printable(run.run),
    ...(many ? [printable(basename(run.data))] : []),
    shortModel(run.config),
    count(run.parameters),
    metric(run.forwardFlops),
    count(run.step * run.imagesPerStep),
    metric(run.trainingFlops),
    run.step < run.steps ? `${count(run.step)} of ${count(run.steps)}` : count(run.step),
    run.best === null ? "–" : percent(run.best.top1, 2),
    run.last === null ? "–" : percent(run.last.top1, 2),
    run.seconds === null ? "–" : duration(run.seconds),
  ])
  const titles = [...head, "best", "last", "time"]
  const right = titles.flatMap((title, i) => (["run", "data", "model"].includes(title) ? [] : [i]))
  const [first = "", ...lines] = table([titles, ...rows], right).split("\n")
  return [colors.bold(first), ...lines].join("\n")
}
