import { parameterCount } from "@vitrine/core"
import {
  isTransformerActivation,
  seq2seqParameters,
  type TextEvaluation,
  transformerActivations,
} from "@vitrine/seq2seq"
import { type ReadingRecipe, type ReadingSetupEvent, type Recipe, type RecipeRule, trainReader } from "vitrine"
import { refuse, UsageError } from "../errors.ts"
import { errorColors } from "../output.ts"
import { given, plainRecipe, trainingWithFlags } from "../recipes.ts"
import { field, opening, type Told, trainingLine } from "../show/progress.ts"
import { bestAndLast, type Ending } from "../show/result.ts"
import { count, percent, printable, short } from "../show/text.ts"
import { checkNew, type TrainFlags } from "../train-options.ts"
import { trainWithProgress, resumption } from "../training.ts"

/** What another task than reading is told. */
const foreign = [
  ...(["from", "classes", "perClass", "model", "pool", "positions", "stochasticDepth", "init", "layerDecay"] as const),
  ...(["distillFrom", "distillation", "distillationAlpha", "distillationTau", "mixup", "cutmix", "workers"] as const),
]

/**
 * Trains a model that reads lines of text, as the flags and the recipe say; gives the exit code.
 * @param base what the flags override; undefined for a run that is resumed.
 */
export async function trainToRead(flags: TrainFlags, run: string, base?: Recipe | RecipeRule): Promise<number> {
  refuse(flags, foreign, "is not for --task read")
  const task = { train: trainReader, told: reading, ending }
  if (base === undefined) return trainWithProgress(task, resumption(flags), run, flags)
  checkNew(flags, "train needs --data PATH, or --resume RUN")
  const { data, seed, valFraction, keepLast, checkpointEvery } = flags
  const recipe = recipeWithFlags(plainRecipe(base, flags, "read"), flags)
  return trainWithProgress(task, { data, seed, valFraction, keepLast, checkpointEvery, out: run, recipe }, run, flags)
}

function recipeWithFlags({ model, ...own }: Partial<ReadingRecipe>, flags: TrainFlags): ReadingRecipe {
  const { imageSize, patchSize, dim, depth, heads, mlpDim, dropout, activation } = flags
  if (activation !== undefined && !isTransformerActivation(activation))
    throw new UsageError(
      `--activation must be ${transformerActivations.join(" or ")} for --task read, got ${activation}`,
    )
  const fields = given({ imageSize, patchSize, dim, encoderDepth: depth, heads, mlpDim, dropout, activation })
  const { ema, labelSmoothing, characters } = flags
  return {
    ...trainingWithFlags(own, flags),
    ...given({ ema, labelSmoothing, characters }),
    task: "read",
    model: { ...model, ...fields },
  }
}

const reading: Told<ReadingSetupEvent, TextEvaluation> = {
  header,
  found: ({ exact, loss, examples }) => ({
    score: exact,
    text: `${percent(exact, 2)} of lines exact`,
    detail: `loss ${short(loss)} on ${count(examples)} validation lines`,
  }),
}

function header(run: string, event: ReadingSetupEvent): string {
  const { data, characters, examples, validation, skipped, recipe } = event
  const { config, batchSize, labelSmoothing, training } = recipe
  const { dim, encoderDepth, decoderDepth, heads, source, length } = config
  const size =
    source.kind === "image" ? `${source.imageSize.join("×")} in patches of ${source.patchSize.join("×")}` : ""
  const { yellow, dim: faint } = errorColors
  return [
    ...opening(run, event),
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

const ending: Ending = {
  summary: (curve) =>
    bestAndLast(curve, "Validation lines read exactly") ?? "No validation lines, so nothing is measured.",
  model: "the best model, by torch.nn.Transformer's names",
  next: (run) => [`eval --model ${run}`, `predict --model ${run} LINE.png …`],
}
