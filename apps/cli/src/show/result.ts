import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { readMetrics, writeFileAtomic } from "@vitrine/checkpoint/node"
import { type Curve, curveFigure, learningCurve } from "@vitrine/interpret"
import { colors, print, self } from "../output.ts"
import { charts } from "./charts.ts"
import { count, percent } from "./text.ts"

const { bold, cyan, dim } = colors

/** Draws the curve of a run that has ended, and says what came out, where it lies and what to do with it. */
export async function showResult(run: string): Promise<void> {
  const curve = await drawCurve(run)
  print(`\n${charts(curve)}`)
  print(`${summary(curve)}\n`)
  print(files(run))
  const next = (await hasClasses(run))
    ? [`eval --model ${run}`, `predict --model ${run} IMAGE …`]
    : [`train --from ${run} --data FOLDER`, `probe --model ${run} --data FOLDER`]
  printNext(next)
}

/** Commands that a run can be used with. */
export function printNext(commands: readonly string[]): void {
  print(["\nNext:", ...commands.map((command) => `  ${cyan(`${self} ${command}`)}`)].join("\n"))
}

/** Not what learned from masked patches. */
async function hasClasses(run: string): Promise<boolean> {
  const { num_classes } = JSON.parse(await readFile(join(run, "config.json"), "utf8")) as { num_classes?: number }
  return num_classes !== 0
}

/** Writes `curve.svg` into the run's folder. */
export async function drawCurve(run: string): Promise<Curve> {
  const curve = learningCurve(await readMetrics(join(run, "metrics.jsonl")))
  await writeFileAtomic(join(run, "curve.svg"), `${curveFigure(curve, { title: run })}\n`)
  return curve
}

function summary({ evaluations }: Curve): string {
  const last = evaluations.at(-1)
  if (last === undefined) return "No validation images, so no accuracy."
  const best = evaluations.reduce((a, b) => (b.top1 > a.top1 ? b : a))
  const at = (which: typeof last): string => `${bold(percent(which.top1, 2))} at step ${count(which.step)}`
  return best.step === last.step
    ? `Accuracy on the validation images: ${at(last)}, the best of the run.`
    : `Accuracy on the validation images: best ${at(best)}, last ${at(last)}.`
}

export function files(
  run: string,
  more: readonly (readonly [file: string, what: string])[] = [],
  model = "the best model, as timm loads it (with config.json)",
): string {
  const rows: (readonly [string, string])[] = [
    ["model.safetensors", model],
    ["curve.svg", "loss, accuracy and learning rate"],
    ["metrics.jsonl", "every step and evaluation"],
    ["checkpoints/", "to resume from"],
    ...more,
  ]
  return [bold(run), ...rows.map(([file, what]) => `  ${file.padEnd(18)} ${dim(what)}`)].join("\n")
}
