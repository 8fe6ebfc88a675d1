import { basename, extname } from "node:path"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { comparisonFigure, dataSizeFigure, type SizedRun } from "@vitrine/interpret"
import { readRun, type RunSummary, VitrineError } from "vitrine"
import { defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import type { Flags, Values } from "../flags/flag.ts"
import { colors, errorColors, note, print } from "../output.ts"
import { familyOf } from "@vitrine/checkpoint"
import { count, duration, metric, percent, printable, titledTable } from "../show/text.ts"

const flags = {
  out: { alias: "-o", value: "<file>", help: "draw accuracy against --by: a .svg or .png file" },
  by: {
    value: "<what>",
    help: "compute: a line for each run through its evaluations; images: the last accuracy by the size of the data, a line for each family",
    choices: ["compute", "images"],
    default: "compute",
  },
  theme: { value: "<name>", help: "of the drawing", choices: ["light", "dark"], default: "light" },
  json: { help: "one JSON document, with every evaluation" },
} as const satisfies Flags

const figures = `
FLOPs/image: of a forward pass, 2 for each multiply-accumulate of matrix products and convolutions, counted in
the model's graph; papers often tell multiply-accumulates, which are half. total FLOPs: of the run, 3 times that
for each image of its steps. best, last: accuracy on the validation images. time: of all steps, at their median
pace.
`

export const compare = defineCommand({
  arguments: [["<run...>", "run folders of image classifiers, finished or not"]],
  flags,
  examples: [
    ["vitrine compare runs/*", "a table, a row for each run"],
    ["vitrine compare runs/vit runs/hybrid runs/bit -o comparison.svg", "and a plot as the ViT paper's figure 5"],
    ["vitrine compare runs/vit --json", '{"runs":[{"family":"ViT","forwardFlops":…'],
  ],
  notes: () => figures,
  run: ([paths], values) => compareRuns(paths, values),
})

/** Shows the figures of runs side by side, and draws them. */
async function compareRuns(paths: readonly string[], { out, by, theme, json }: Values<typeof flags>): Promise<void> {
  const ending = out === undefined ? undefined : extname(out)
  if (ending !== undefined && ending !== ".svg" && ending !== ".png")
    throw new UsageError(`--out ${out}: the name must end in .svg or .png`)
  const runs: RunSummary[] = []
  const refusals: VitrineError[] = []
  for (const path of new Set(paths))
    try {
      runs.push(await readRun(path))
    } catch (error) {
      // Runs of other tasks have no accuracy. What is no run at all is a mistake.
      if (!VitrineError.isInstance(error) || error.kind !== "config") throw error
      refusals.push(error)
    }
  const [refusal] = refusals
  if (runs.length === 0 && refusal !== undefined) throw refusal
  for (const { message } of refusals) note(errorColors.yellow(`passed over ${printable(message)}`))
  const svg =
    out === undefined
      ? ""
      : by === "images"
        ? dataSizeFigure(runs.flatMap(sized), { theme })
        : comparisonFigure(runs.map(drawn), { theme })
  if (out !== undefined) await writeFileAtomic(out, ending === ".svg" ? `${svg}\n` : [await png(svg)])
  if (json) {
    print(JSON.stringify({ runs }))
    return
  }
  print(report(runs))
  if (runs.some(({ from }) => from !== null))
    note(colors.dim("What a run started from was trained too; only the run itself is counted."))
  if (out !== undefined && by === "images")
    for (const run of runs.filter((each) => sized(each).length === 0))
      note(errorColors.yellow(`${printable(run.run)} is not drawn: it says no accuracy, or not how many images it has`))
  if (out !== undefined) note(`${printable(out)}: accuracy against training ${by}`)
}

async function png(svg: string): Promise<Uint8Array> {
  const { toPng } = await import("@vitrine/interpret/node")
  return toPng(svg)
}

export const drawn = ({
  run,
  family,
  data,
  evaluations,
}: RunSummary): Parameters<typeof comparisonFigure>[0][number] => ({
  name: printable(basename(run)),
  family,
  data: printable(basename(data)),
  evaluations,
})

/** The last accuracy of a run and the size of its data, if it has both. */
export const sized = ({ family, data, examples, last }: RunSummary): readonly SizedRun[] =>
  examples === null || last === null ? [] : [{ family, data: printable(basename(data)), examples, top1: last.top1 }]

/** A table with a row for each run. If the data differ, they have a column. */
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
    familyOf(run.config).describe(run.config).short,
    count(run.parameters),
    metric(run.forwardFlops),
    count(run.images),
    metric(run.trainingFlops),
    run.step < run.steps ? `${count(run.step)} of ${count(run.steps)}` : count(run.step),
    run.best === null ? "–" : percent(run.best.top1, 2),
    run.last === null ? "–" : percent(run.last.top1, 2),
    run.seconds === null ? "–" : duration(run.seconds),
  ])
  const titles = [...head, "best", "last", "time"]
  const right = titles.flatMap((title, i) => (["run", "data", "model"].includes(title) ? [] : [i]))
  return titledTable(titles, rows, right)
}
