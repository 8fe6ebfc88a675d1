import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { basename, dirname, extname, join, resolve } from "node:path"
import { readJson, writeFileAtomic } from "@vitrine/checkpoint/node"
import { comparisonFigure, dataSizeFigure } from "@vitrine/interpret"
import { InvalidArgumentError } from "commander"
import * as v from "valibot"
import { readRun, type RunSummary, VitrineError } from "vitrine"
import { defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import type { Flags, Values } from "../flags/flag.ts"
import { machineFlags } from "../flags/machine.ts"
import { note, print } from "../output.ts"
import { count, metric, percent, printable, titledTable } from "../show/text.ts"
import { drawn, sized } from "./compare.ts"

const flags = {
  out: { alias: "-o", value: "<folder>", help: "the cells and the results; default: runs/<name of the file>" },
  data: { value: "<path>", help: "the data, in place of the file's" },
  shard: {
    value: "<i/n>",
    help: "only every n-th cell, from the i-th on; several shards may share a folder",
    parse: shardValue,
  },
  report: { help: "train nothing: write the results of what is there" },
  ...machineFlags,
} as const satisfies Flags

interface Shard {
  readonly index: number
  readonly count: number
}

function shardValue(text: string): Shard {
  const [, index = 0, all = 0] = (/^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? []).map(Number)
  if (index < 1 || index > all) throw new InvalidArgumentError("Give i/n, such as 1/4.")
  return { index, count: all }
}

const positive = v.pipe(v.number(), v.integer(), v.minValue(1))
const list = <T>(item: v.GenericSchema<T>): v.GenericSchema<T[]> => v.pipe(v.array(item), v.minLength(1))

const studySchema = v.strictObject({
  /** A path; a relative one counts from the study's folder. */
  data: v.optional(v.string()),
  /** Recipes by the names of their cells. */
  families: v.record(v.pipe(v.string(), v.regex(/^[\w.]+$/)), v.string()),
  /** Training images of each class, or "all". */
  perClass: list(v.union([positive, v.literal("all")])),
  steps: list(positive),
  seeds: list(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Further flags of `vitrine train` for all cells. */
  flags: v.optional(v.array(v.string()), []),
})

type Study = v.InferOutput<typeof studySchema>

/** One training of the grid. */
interface Cell {
  readonly name: string
  readonly family: string
  readonly perClass: number | "all"
  readonly steps: number
  readonly seed: number
}

const notes = `
A study's file:
  {"data": "fashion-mnist", "families": {"vit": "vit.ts", "bit": "bit.ts"},
   "perClass": [60, 600, "all"], "steps": [1000], "seeds": [0, 1], "flags": ["--weight-decay", "0.1"]}
Each cell of the grid is a run of "vitrine train" in a process of its own, and is called family-perClass-steps-seed. The
same command goes on where a study was interrupted: finished cells stay, and others are resumed. Then there are
results.json, table.md, data.svg (accuracy by training images) and compute.svg (accuracy by training compute).
`

export const study = defineCommand({
  arguments: [["<file>", "the study, as JSON"]],
  flags,
  examples: [
    ["vitrine study study.json -o runs/study", "train the grid, and write its table and plots"],
    ["vitrine study study.json -o runs/study --shard 2/4", "a quarter of the cells, on another machine"],
    ["vitrine study study.json -o runs/study --report", "the results so far"],
  ],
  notes: () => notes,
  run: ([file], values) => runStudy(file, values),
})

async function runStudy(file: string, values: Values<typeof flags>): Promise<number> {
  const { shard = { index: 1, count: 1 } } = values
  const out = values.out ?? join("runs", basename(file, extname(file)))
  const grid = checkedStudy(await readJson(file), file)
  const data = values.data ?? (grid.data === undefined ? undefined : beside(file, grid.data))
  if (data === undefined) throw new UsageError(`${file} names no data: say which (--data)`)
  const cells = cellsOf(grid)
  await mkdir(out, { recursive: true })
  const failures: string[] = []
  if (!values.report)
    for (const [i, cell] of cells.entries()) {
      if (i % shard.count !== shard.index - 1) continue
      const run = join(out, cell.name)
      if (await finishedRun(run)) continue
      note(`cell ${i + 1} of ${cells.length}: ${cell.name}`)
      const recipe = beside(file, grid.families[cell.family] ?? "")
      const { code, signal } = await trained(run, cell, [...grid.flags], recipe, data, values)
      // An interrupted cell ends the study, which goes on with the same command. A cell that was killed costs itself.
      if (code === 130 || signal === "SIGINT") return 130
      if (code !== 0) failures.push(`${cell.name}: ${signal ?? `exit code ${code}`}`)
    }
  await writeResults(out, cells)
  for (const failure of failures) note(`vitrine: ${failure}: run the same command again`)
  return failures.length === 0 ? 0 : 1
}

/** @throws VitrineError (config) with the field that is wrong */
function checkedStudy(json: unknown, file: string): Study {
  const result = v.safeParse(studySchema, json)
  if (result.success) return result.output
  const [issue] = result.issues
  throw new VitrineError("config", `${file}: ${v.getDotPath(issue) ?? "a study"}: ${issue.message}`)
}

/** A path that counts from the folder of a file, if there is such a path. */
function beside(file: string, path: string): string {
  const near = resolve(dirname(file), path)
  return existsSync(near) ? near : path
}

/** The cells of the grid. Whole grids of one seed come one after the other. */
function cellsOf({ families, perClass, steps, seeds }: Study): readonly Cell[] {
  return seeds.flatMap((seed) =>
    steps.flatMap((n) =>
      perClass.flatMap((images) =>
        Object.keys(families).map(
          (family): Cell => ({ name: `${family}-${images}-${n}-${seed}`, family, perClass: images, steps: n, seed }),
        ),
      ),
    ),
  )
}

/** A run that has its last evaluation. */
type FinishedRun = RunSummary & { readonly last: NonNullable<RunSummary["last"]> }

async function finishedRun(path: string): Promise<FinishedRun | undefined> {
  if (!existsSync(join(path, "config.json"))) return undefined
  const run = await readRun(path)
  const { last, steps } = run
  return last?.step === steps ? { ...run, last } : undefined
}

/** Trains a cell, or the rest of it, in a process of its own. */
async function trained(
  run: string,
  { perClass, steps, seed }: Cell,
  more: readonly string[],
  recipe: string,
  data: string,
  { backend, threads, precision }: Values<typeof flags>,
): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  const [, command = ""] = process.argv
  const engine = ["--backend", backend, ...(threads === undefined ? [] : ["--threads", String(threads)])]
  const begun = existsSync(join(run, "config.json"))
  const images = perClass === "all" ? [] : ["--per-class", String(perClass)]
  const length = ["--steps", String(steps), "--eval-every", String(Math.max(1, Math.ceil(steps / 4)))]
  const words = begun
    ? ["--resume", run, "--data", data]
    : ["--data", data, "--recipe", recipe, "--out", run, ...images, ...length, "--seed", String(seed), ...more]
  const child = spawn(process.execPath, [command, "train", ...words, ...engine, "--precision", precision], {
    stdio: ["ignore", "inherit", "inherit"],
  })
  return new Promise((done, fail) => {
    child.on("error", fail)
    child.on("close", (code, signal) => done({ code, signal }))
  })
}

/** A cell with the figures of its run. */
function resultOf(cell: Cell, run: FinishedRun) {
  const { family: kind, examples, parameters, forwardFlops, trainingFlops, last } = run
  return { ...cell, kind, examples, parameters, forwardFlops, trainingFlops, top1: last.top1, loss: last.loss }
}

/** Writes the results, the table and the plots. The same cells give the same bytes, but for the times. */
async function writeResults(out: string, cells: readonly Cell[]): Promise<void> {
  const runs: RunSummary[] = []
  const results: ReturnType<typeof resultOf>[] = []
  for (const cell of cells) {
    const run = await finishedRun(join(out, cell.name))
    if (run === undefined) continue
    runs.push(run)
    results.push(resultOf(cell, run))
  }
  await writeFileAtomic(join(out, "results.json"), `${JSON.stringify({ cells: results }, null, 1)}\n`)
  const groups = new Map<string, typeof results>()
  for (const result of results) {
    const key = `${result.family}-${result.perClass}-${result.steps}`
    groups.set(key, [...(groups.get(key) ?? []), result])
  }
  const titles = ["family", "images", "steps", "FLOPs/image", "FLOPs", "seeds", "accuracy", "of each seed"]
  const rows = Array.from(groups.values(), (group) => {
    const [first] = group
    const accuracies = group.map(({ top1 }) => top1)
    const mean = accuracies.reduce((a, b) => a + b, 0) / accuracies.length
    return [
      first?.family ?? "",
      first?.examples === null ? "–" : count(first?.examples ?? 0),
      count(first?.steps ?? 0),
      metric(first?.forwardFlops ?? 0),
      metric(first?.trainingFlops ?? 0),
      String(group.length),
      percent(mean, 2),
      accuracies.map((each) => percent(each, 2)).join(", "),
    ]
  })
  const markdown = [titles, titles.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")
  await writeFileAtomic(join(out, "table.md"), `${markdown}\n`)
  print(titledTable(titles, rows, [1, 2, 3, 4, 5, 6]))
  if (runs.length > 0) {
    await writeFileAtomic(join(out, "data.svg"), `${dataSizeFigure(runs.flatMap(sized))}\n`)
    await writeFileAtomic(join(out, "compute.svg"), `${comparisonFigure(runs.map(drawn))}\n`)
  }
  note(`${printable(out)}: ${runs.length} of ${cells.length} cells; results.json, table.md, data.svg, compute.svg`)
}
