import { lstat, readdir } from "node:fs/promises"
import { join } from "node:path"
import { pathsBelow, pruneRun, publishedCheckpoint, readMetrics } from "@vitrine/checkpoint/node"
import { bestOf, curveScores, learningCurve } from "@vitrine/interpret"
import { taskOf, VitrineError } from "vitrine"
import { defineCommand } from "../command.ts"
import type { Flags, Values } from "../flags/flag.ts"
import { jsonFlag } from "../flags/model.ts"
import { note, print } from "../output.ts"
import { bytes, count, percent, printable, titledTable } from "../show/text.ts"

const flags = {
  prune: { help: "remove the checkpoints but the best and the newest of each run" },
  ...jsonFlag,
} as const satisfies Flags

export const runs = defineCommand({
  arguments: [["[folder]", "where the runs are; default: runs"]],
  flags,
  examples: [
    ["vitrine runs", "each run with its task, its best score, its steps and its size"],
    ["vitrine runs --prune", "and remove checkpoints that are neither the best nor the newest"],
  ],
  run: ([folder], values) => listRuns(folder, values),
})

interface Run {
  readonly run: string
  readonly task: string
  /** The score by which the task's models are compared, and its name; null where nothing was measured. */
  readonly score: { readonly name: string; readonly value: number } | null
  /** The step of the published model; null before the first checkpoint. */
  readonly published: number | null
  readonly steps: number
  readonly bytes: number
}

async function listRuns(folder = "runs", { prune, json }: Values<typeof flags>): Promise<void> {
  const entries = await readdir(folder).catch((error: Error) => {
    throw new VitrineError("file", `${folder}: cannot be read (${error.message})`, { cause: error })
  })
  const found: Run[] = []
  for (const entry of entries.sort()) {
    const path = join(folder, entry)
    if (!(await isRun(path))) continue
    if (prune) {
      const removed = await pruneRun(path)
      if (removed.length > 0) note(`${printable(path)}: ${count(removed.length)} checkpoints removed`)
    }
    found.push(await summary(path))
  }
  if (json) return print(JSON.stringify({ runs: found }))
  if (found.length === 0) return note(`${printable(folder)}: holds no runs`)
  const rows = found.map(({ run, task, score, published, steps, bytes: size }) => [
    printable(run),
    task,
    score === null ? "–" : `${score.name} ${percent(score.value, 2)}`,
    count(steps),
    published === null ? "–" : count(published),
    bytes(size),
  ])
  print(titledTable(["run", "task", "best", "steps", "published", "size"], rows, [3, 4, 5]))
}

/** Whether a folder is a run: it has a `config.json` and checkpoints. */
async function isRun(path: string): Promise<boolean> {
  const names: readonly string[] = await readdir(path).catch(() => [])
  return names.includes("config.json") && names.includes("checkpoints")
}

async function summary(run: string): Promise<Run> {
  const metrics = await readMetrics(join(run, "metrics.jsonl")).catch(() => [])
  const { evaluations, measure } = learningCurve(metrics)
  const best = bestOf(evaluations)
  return {
    run,
    task: await taskOf(run),
    score: best === undefined ? null : { name: curveScores[measure], value: best.score },
    published: (await publishedCheckpoint(run))?.step ?? null,
    steps: metrics.reduce((most, { step }) => Math.max(most, step), 0),
    bytes: await sizeOf(run),
  }
}

/** The bytes of the files below a folder. A file with several names counts once. */
async function sizeOf(folder: string): Promise<number> {
  const sizes = new Map<string, number>()
  for (const name of await pathsBelow(folder)) {
    const facts = await lstat(join(folder, name)).catch(() => undefined)
    if (facts?.isFile()) sizes.set(`${facts.dev}/${facts.ino}`, facts.size)
  }
  return [...sizes.values()].reduce((a, b) => a + b, 0)
}
