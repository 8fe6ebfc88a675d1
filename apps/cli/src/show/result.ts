import { join } from "node:path"
import { type MetricsEvent, publishedCheckpoint, readMetrics, writeFileAtomic } from "@vitrine/checkpoint/node"
import { bestOf, type Curve, curveFigure, learningCurve, type CurveEvaluation } from "@vitrine/interpret"
import { colors, print, self } from "../output.ts"
import { charts } from "./charts.ts"
import { count, percent, printable, quoted } from "./text.ts"

const { bold, cyan, dim } = colors

/** The texts at the end of a run. */
export interface Ending {
  /** The result as one line. */
  summary(curve: Curve, metrics: readonly MetricsEvent[]): string
  /** Doubts about the result, a line each. */
  doubts?(run: string, metrics: readonly MetricsEvent[]): Promise<readonly string[]>
  /** The way to use `model.safetensors` of a run. */
  model(run: string): string | Promise<string>
  /** Commands that use the model; `run` is quoted for a shell where that is needed. */
  next(run: string, result: RunResult): readonly string[] | Promise<readonly string[]>
}

export interface RunResult {
  readonly path: string
  readonly curve: Curve
  readonly metrics: readonly MetricsEvent[]
}

/** Draws the curve of a finished run, and shows its result, its files and commands that use it. */
export async function showResult(run: string, { summary, doubts, model, next }: Ending): Promise<void> {
  const { curve, metrics } = await drawCurve(run)
  print(`\n${charts(curve)}`)
  print(summary(curve, metrics))
  for (const line of (await doubts?.(run, metrics)) ?? []) print(colors.yellow(line))
  print("")
  print(fileList(run, await modelLine(run, await model(run))))
  const commands = await next(quoted(run), { path: run, curve, metrics })
  print(["\nNext:", ...commands.map((command) => `  ${cyan(`${self} ${printable(command)}`)}`)].join("\n"))
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

/** The best and the last score of a run, or undefined if nothing was measured. */
export function bestAndLast({ evaluations }: Curve, what: string): string | undefined {
  const [best, last] = [bestOf(evaluations), evaluations.at(-1)]
  if (best === undefined || last === undefined) return undefined
  const at = ({ score, step }: CurveEvaluation): string => `${bold(percent(score, 2))} at step ${count(step)}`
  return best.step === last.step
    ? `${what}: ${at(last)}, the best of the run.`
    : `${what}: best ${at(best)}, last ${at(last)}.`
}

/** The model in `model.safetensors`, and the way to use it. */
export async function modelLine(run: string, model: string): Promise<string> {
  const published = await publishedCheckpoint(run)
  if (published === null) return model
  const { step, score } = published
  return `the ${score === null ? "last" : "best"} model, of step ${count(step)}, ${model}`
}

/** The last score of a run, or undefined if nothing was measured. */
export function lastScore({ evaluations }: Curve, what: string): string | undefined {
  const last = evaluations.at(-1)
  return last && `${what}: ${bold(percent(last.score, 2))} at step ${count(last.step)}, the last.`
}

/** The files of a run. */
export function fileList(
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
  return [bold(printable(run)), ...rows.map(([file, what]) => `  ${file.padEnd(18)} ${dim(what)}`)].join("\n")
}
