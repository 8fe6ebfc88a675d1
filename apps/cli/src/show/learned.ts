import { join } from "node:path"
import { readMetrics, runOfCheckpoint } from "@vitrine/checkpoint/node"
import { errorColors, note } from "../output.ts"
import { count, percent, printable } from "./text.ts"

/** A run whose best score is below this has hardly learned. */
const least = 0.1

/** Says that a run has hardly learned, by its own evaluations. Other models have none, and nothing is said of them. */
export async function noteHardlyLearned(path: string): Promise<void> {
  const run = runOfCheckpoint(path) ?? path
  const metrics = await readMetrics(join(run, "metrics.jsonl")).catch(() => [])
  if (metrics.length === 0) return
  const { bestOf, curveScores, learningCurve } = await import("@vitrine/interpret")
  const { evaluations, measure } = learningCurve(metrics)
  const best = bestOf(evaluations)
  if (best === undefined || best.score >= least) return
  const score = `${curveScores[measure]} ${percent(best.score, 1)} at step ${count(best.step)}`
  note(
    errorColors.yellow(`${printable(run)}: has hardly learned (${score}): do not trust what it says; train it longer`),
  )
}
