import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { type MetricsEvent, readMetrics, writeFileAtomic } from "@vitrine/checkpoint/node"
import { bestOf, type Curve, curveFigure, learningCurve, type CurveEvaluation } from "@vitrine/interpret"
import { colors, print, self } from "../output.ts"
import { charts } from "./charts.ts"
import { count, percent } from "./text.ts"

const { bold, cyan, dim } = colors

/** What is said of a run that has ended. */
export interface Ending {
  /** What came out. */
  summary(curve: Curve, metrics: readonly MetricsEvent[]): string
  /** What its `model.safetensors` is. */
  readonly model: string
  /** Commands that its model can be used with. */
  next(run: string): readonly string[] | Promise<readonly string[]>
}

/** Draws the curve of a run that has ended, and says what came out, where it lies and what to do with it. */
export async function showResult(run: string, { summary, model, next }: Ending): Promise<void> {
  const { curve, metrics } = await drawCurve(run)
  print(`\n${charts(curve)}`)
  print(`${summary(curve, metrics)}\n`)
  print(files(run, model))
  const commands = await next(run)
  print(["\nNext:", ...commands.map((command) => `  ${cyan(`${self} ${command}`)}`)].join("\n"))
}

export const classification: Ending = {
  summary: (curve) =>
    bestAndLast(curve, "Accuracy on the validation images") ?? "No validation images, so no accuracy.",
  model: "the best model, as timm loads it (with config.json)",
  next: async (run) =>
    (await hasClasses(run))
      ? [`eval --model ${run}`, `predict --model ${run} IMAGE …`]
      : [`train --from ${run} --data FOLDER`, `probe --model ${run} --data FOLDER`],
}

/** Not what learned from masked patches. */
async function hasClasses(run: string): Promise<boolean> {
  const { num_classes } = JSON.parse(await readFile(join(run, "config.json"), "utf8")) as { num_classes?: number }
  return num_classes !== 0
}

/** Writes `curve.svg` into the run's folder. */
export async function drawCurve(
  run: string,
): Promise<{ readonly curve: Curve; readonly metrics: readonly MetricsEvent[] }> {
  const metrics = await readMetrics(join(run, "metrics.jsonl"))
  const curve = learningCurve(metrics)
  await writeFileAtomic(join(run, "curve.svg"), `${curveFigure(curve, { title: run })}\n`)
  return { curve, metrics }
}

/** The best score of a run and the last; undefined where nothing was measured. */
export function bestAndLast({ evaluations }: Curve, what: string): string | undefined {
  const [best, last] = [bestOf(evaluations), evaluations.at(-1)]
  if (best === undefined || last === undefined) return undefined
  const at = ({ score, step }: CurveEvaluation): string => `${bold(percent(score, 2))} at step ${count(step)}`
  return best.step === last.step
    ? `${what}: ${at(last)}, the best of the run.`
    : `${what}: best ${at(best)}, last ${at(last)}.`
}

export function files(
  run: string,
  model: string,
  more: readonly (readonly [file: string, what: string])[] = [],
): string {
  const rows: (readonly [string, string])[] = [
    ["model.safetensors", model],
    ["curve.svg", "loss, score and learning rate"],
    ["metrics.jsonl", "every step and evaluation"],
    ["checkpoints/", "to resume from"],
    ...more,
  ]
  return [bold(run), ...rows.map(([file, what]) => `  ${file.padEnd(18)} ${dim(what)}`)].join("\n")
}
