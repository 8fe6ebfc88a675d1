import { readMetrics, writeFileAtomic } from "@vitrine/checkpoint/node"
import { curveFigure, learningCurve } from "@vitrine/interpret"
import { join } from "node:path"
import { parameterCount } from "@vitrine/core"
import { seq2seqParameters } from "@vitrine/seq2seq"
import {
  type ReaderFields,
  type ReadingRecipe,
  type ReadingSetupEvent,
  type TrainReaderOptions,
  trainReader,
} from "vitrine"
import { choose } from "../backends.ts"
import { UsageError } from "../errors.ts"
import { interruption } from "../interruption.ts"
import { engineOptions } from "../options.ts"
import { colors, errorColors, print, self, whenReaderLeaves } from "../output.ts"
import { given, scheduleWithFlags, withOptimizer } from "../recipes.ts"
import { charts } from "../show/charts.ts"
import { field, reporter, trainingLine } from "../show/progress.ts"
import { files } from "../show/result.ts"
import { count, percent, printable, short } from "../show/text.ts"
import { fixedByRun, type TrainFlags } from "../train-options.ts"

/** What another task than reading is told. */
const foreign = [
  ...(["from", "classes", "perClass", "model", "pool", "positions", "stochasticDepth", "init", "layerDecay"] as const),
  ...(["distillFrom", "distillation", "distillationAlpha", "distillationTau", "mixup", "cutmix", "workers"] as const),
]

/**
 * Trains a model that reads lines of text, as the flags and the recipe say; gives the exit code.
 * @param recipe undefined for a run that is resumed.
 */
export async function trainToRead(flags: TrainFlags, run: string, recipe?: object): Promise<number> {
  const { data, seed, valFraction, keepLast, checkpointEvery, resume } = flags
  const wrong = foreign.find((flag) => flags[flag] !== undefined)
  if (wrong !== undefined) throw new UsageError(`--${kebab(wrong)} is not for --task read`)
  const options: TrainReaderOptions =
    recipe === undefined
      ? { resume, data, keepLast, checkpointEvery }
      : { data, seed, valFraction, keepLast, checkpointEvery, out: run, recipe: recipeWithFlags(recipe, flags) }
  const { backend, passedOver } = await choose(flags.backend, engineOptions(flags))
  const report = reporter<ReadingSetupEvent, { exact: number; loss: number; examples: number }>(run, {
    header,
    found: ({ exact, loss, examples }) => ({
      score: exact,
      text: `${percent(exact, 2)} of lines exact`,
      detail: `loss ${short(loss)} on ${count(examples)} validation lines`,
    }),
  })
  const interrupted = interruption(
    flags.json
      ? () => process.stderr.write(`vitrine: stopping after this step; resume with: vitrine train --resume ${run}\n`)
      : report.stopping,
  )
  whenReaderLeaves(interrupted.stop)
  let finished = false
  try {
    for await (const event of trainReader({ ...options, backend, signal: interrupted.signal })) {
      if (flags.json) print(JSON.stringify(event))
      else report.event(event, passedOver)
      if (event.type === "end") finished = event.finished
    }
  } finally {
    report.close()
    interrupted.close()
    await backend.close()
  }
  if (!finished) return 130
  if (!flags.json) await showResult(run)
  return 0
}

function recipeWithFlags(recipe: object, flags: TrainFlags): ReadingRecipe {
  const { task = "read", model, ...own } = recipe as Partial<ReadingRecipe>
  if (task !== "read") throw new UsageError(`the recipe is for ${String(task)}, not for reading`)
  const { imageSize, patchSize, dim, depth, heads, mlpDim, dropout, activation } = flags
  if (activation !== undefined && activation !== "relu" && activation !== "gelu")
    throw new UsageError(`--activation must be relu or gelu for --task read, got ${activation}`)
  const fields = given({ imageSize, patchSize, dim, encoderDepth: depth, heads, mlpDim, dropout, activation })
  const all: ReaderFields = { ...model, ...fields }
  const { steps: _, epochs: __, ...kept } = own
  return {
    ...(flags.steps === undefined && flags.epochs === undefined ? own : kept),
    ...given({
      steps: flags.steps,
      epochs: flags.epochs,
      batchSize: flags.batchSize,
      accumulate: flags.accumulate,
      learningRate: flags.lr,
      weightDecay: flags.weightDecay,
      clip: flags.clip,
      ema: flags.ema,
      freeze: flags.freeze,
      labelSmoothing: flags.labelSmoothing,
      characters: flags.characters,
      evaluateEvery: flags.evalEvery,
    }),
    ...scheduleWithFlags(own.schedule, flags),
    ...withOptimizer(own.optimizer, flags),
    task: "read",
    model: all,
  }
}

function header(run: string, event: ReadingSetupEvent): string {
  const { data, characters, examples, validation, skipped, recipe, resumed, damaged } = event
  const { config, batchSize, labelSmoothing, training } = recipe
  const { dim, encoderDepth, decoderDepth, heads, source, length } = config
  const size =
    source.kind === "image" ? `${source.imageSize.join("×")} in patches of ${source.patchSize.join("×")}` : ""
  const { bold, yellow, dim: faint } = errorColors
  return [
    bold(`${resumed === null ? "Training" : `Resuming at step ${count(resumed)}:`} ${run}`),
    ...damaged.map((message) => yellow(`  passed over a checkpoint: ${message}`)),
    field(
      "model",
      `Transformer, ${encoderDepth} + ${decoderDepth} layers, width ${dim}, heads ${heads} · ${size} · ${count(parameterCount(seq2seqParameters(config)))} parameters`,
    ),
    field(
      "data",
      `${printable(data)}: ${count(examples)} lines to train on, ${count(validation)} to validate, up to ${count(length - 1)} of ${characters.length} characters: ${printable(shortened(characters.join("")))}`,
    ),
    ...(skipped.length === 0
      ? []
      : [field("", yellow(`${count(skipped.length)} lines passed over, such as ${printable(skipped[0] as string)}`))]),
    field(
      "recipe",
      trainingLine(training, batchSize, "lines", labelSmoothing > 0 ? [`smoothing ${labelSmoothing}`] : []),
    ),
    ...(validation === 0 ? [field("", faint("no validation lines, so nothing is measured"))] : []),
  ].join("\n")
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text)

async function showResult(run: string): Promise<void> {
  const metrics = await readMetrics(join(run, "metrics.jsonl"))
  const curve = learningCurve(metrics.map((event) => ({ ...event, top1: (event as { exact?: number }).exact })))
  await writeFileAtomic(join(run, "curve.svg"), `${curveFigure(curve, { title: run })}\n`)
  print(`\n${charts(curve)}`)
  const { bold, cyan } = colors
  const best = curve.evaluations.reduce<(typeof curve.evaluations)[number] | undefined>(
    (a, b) => (a === undefined || b.top1 > a.top1 ? b : a),
    undefined,
  )
  if (best !== undefined)
    print(`Validation lines read exactly: ${bold(percent(best.top1, 2))} at step ${count(best.step)}.\n`)
  print(files(run, [], "the best model, by torch.nn.Transformer's names"))
  const next = [`eval --model ${run}`, `predict --model ${run} LINE.png …`]
  print(["\nNext:", ...next.map((command) => `  ${cyan(`${self} ${command}`)}`)].join("\n"))
}

/** @throws UsageError for a flag that a resumed run cannot be given. */
export function checkResumed(flags: TrainFlags): void {
  const fixed = fixedByRun.find((flag) => flags[flag] !== undefined)
  if (fixed !== undefined)
    throw new UsageError(`--${kebab(fixed)} cannot change a run that is resumed: it goes on by its own recipe`)
}

const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
