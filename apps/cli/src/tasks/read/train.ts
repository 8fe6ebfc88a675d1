import { parameterCount } from "@vitrine/core"
import {
  isTransformerActivation,
  seq2seqParameters,
  type TextEvaluation,
  transformerActivations,
} from "@vitrine/seq2seq"
import {
  checkReadingRecipe,
  type ReadingRecipe,
  type ReadingSetupEvent,
  trainReader,
  type TrainReaderOptions,
} from "vitrine"
import { UsageError } from "../../errors.ts"
import type { Flags, Values } from "../../flags/flag.ts"
import { modelFlags, type TrainValues } from "../../flags/train.ts"
import { rangeValue } from "../../flags/values.ts"
import { errorColors } from "../../output.ts"
import { defined, overrideTraining, recipeFields } from "../../recipes/overrides.ts"
import { fewValidation, field, opening, type RunTexts, trainingLine } from "../../show/progress.ts"
import { bestAndLast, type Ending } from "../../show/result.ts"
import { count, percent, printable, short } from "../../show/text.ts"
import { defineTraining } from "../../training.ts"

const { imageSize, patchSize, dim, depth, heads, mlpDim, dropout, activation, ema, labelSmoothing } = modelFlags

const flags = {
  imageSize,
  patchSize,
  dim,
  depth,
  heads,
  mlpDim,
  dropout,
  activation,
  ema,
  labelSmoothing,
  characters: {
    group: "Reading (--task read):",
    value: "<n|a-b>",
    help: "in rows made of images of characters; default: 1-5",
    parse: rangeValue,
  },
} as const satisfies Flags

type ReadValues = TrainValues & Values<typeof flags>

const texts: RunTexts<ReadingSetupEvent, TextEvaluation> = {
  header,
  evaluation: ({ exact, loss, examples }) => ({
    score: exact,
    text: `${percent(exact, 2)} of lines exact`,
    detail: `loss ${short(loss)} on ${count(examples)} validation lines`,
  }),
}

const ending: Ending = {
  summary: (curve) =>
    bestAndLast(curve, "Validation lines read exactly") ?? "No validation lines, so nothing is measured.",
  model: () => "by torch.nn.Transformer's names",
  next: (run, { curve }) => [
    ...(curve.evaluations.length > 0 ? [`eval --model ${run}`] : []),
    `predict --model ${run} LINE.png …`,
    `inspect ${run} LINE.png …`,
  ],
}

export const trainPart = defineTraining({
  objectives: { read: "lines of text" },
  flags,
  train: trainReader,
  texts,
  ending,
  options(values: ReadValues, recipe): TrainReaderOptions {
    const fields = { ...recipeFields(recipe, "read", values.recipe), task: "read" }
    checkReadingRecipe(fields)
    return { recipe: overrideRecipe(fields, values) }
  },
})

function overrideRecipe({ model, ...recipe }: ReadingRecipe, flags: ReadValues): ReadingRecipe {
  const { imageSize, patchSize, dim, depth, heads, mlpDim, dropout, activation } = flags
  if (activation !== undefined && !isTransformerActivation(activation))
    throw new UsageError(
      `--activation must be ${transformerActivations.join(" or ")} for --task read, got ${activation}`,
    )
  const fields = defined({ imageSize, patchSize, dim, encoderDepth: depth, heads, mlpDim, dropout, activation })
  const { ema, labelSmoothing, characters } = flags
  return {
    ...overrideTraining(recipe, flags),
    ...defined({ ema, labelSmoothing, characters }),
    model: { ...model, ...fields },
  }
}

function header(run: string, event: ReadingSetupEvent): string {
  const { data, characters, examples, validation, skipped, recipe } = event
  const { config, batchSize, labelSmoothing, training } = recipe
  const { dim, encoderDepth, decoderDepth, heads, source, length } = config
  const size =
    source.kind === "image" ? `${source.imageSize.join("×")} in patches of ${source.patchSize.join("×")}` : ""
  const [first] = skipped
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
    ...fewValidation(event, "lines"),
    ...(first === undefined
      ? []
      : [field("", yellow(`${count(skipped.length)} lines passed over, such as ${printable(first)}`))]),
    field(
      "recipe",
      trainingLine(training, batchSize, "lines", labelSmoothing > 0 ? [`smoothing ${labelSmoothing}`] : []),
    ),
    ...(validation === 0 ? [field("", faint("no validation lines, so nothing is measured"))] : []),
  ].join("\n")
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text)
