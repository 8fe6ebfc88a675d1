import { VitrineError } from "@vitrine/core"
import { type Seq2SeqConfig, seq2seqConfig } from "@vitrine/seq2seq"
import { trainingOptions } from "@vitrine/trainer"
import { inField } from "../../in-field.ts"
import { cutBatchSize, stepsOf } from "../../order.ts"
import { optionsIn } from "../../training-schema.ts"
import { checkReadingRecipe } from "./schema.ts"
import type { ReaderFields, ReadingRecipe, ResolvedReadingRecipe, ReadingFacts } from "./recipe-type.ts"

/** Returns a recipe unchanged. TypeScript checks its type. */
export function defineReadingRecipe(recipe: ReadingRecipe): ReadingRecipe {
  return recipe
}

/** A model that reads a row of up to five digits after some minutes of training on two cores. */
const smallModel = {
  dim: 64,
  heads: 4,
  encoderDepth: 3,
  decoderDepth: 2,
  mlpDim: 256,
  activation: "gelu",
  normFirst: true,
  dropout: 0,
} as const

const trainingDefaults = {
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
} as const

const defaultSteps = 3000

/**
 * Completes a recipe with facts of the data and with defaults.
 * @throws VitrineError (config) for a field that is unknown or has no possible value
 */
export function resolveReadingRecipe(recipe: ReadingRecipe, data: ReadingFacts, seed: number): ResolvedReadingRecipe {
  checkReadingRecipe(recipe)
  const { model = {}, characters = [1, 5], steps: updates, epochs, labelSmoothing = 0.1 } = recipe
  const batchSize = cutBatchSize(recipe, Math.max(1, Math.min(64, data.examples)))
  if (data.examples < batchSize)
    throw new VitrineError(
      "config",
      `recipe: batchSize: a batch of ${batchSize} needs more than the ${data.examples} lines to train on; lower it (--batch-size)`,
    )
  if (updates !== undefined && epochs !== undefined)
    throw new VitrineError("config", "recipe: give steps or epochs, not both")
  const batches = Math.floor(data.examples / batchSize)
  const steps = updates ?? (epochs === undefined ? defaultSteps : stepsOf(epochs, batches, recipe.accumulate))
  const options = { emaWarmup: typeof recipe.ema === "number", ...trainingDefaults, ...optionsIn(recipe), steps, seed }
  const training = inField("recipe", "", () => trainingOptions(options))
  const { evaluateEvery = Math.max(1, Math.ceil(steps / 10)) } = recipe
  const { mean = data.mean, std = data.std } = recipe
  return {
    task: "read",
    config: inField("recipe", "model", () => readerConfig(model, data)),
    characters,
    batchSize,
    labelSmoothing,
    mean,
    std,
    evaluateEvery,
    training,
  }
}

function readerConfig(
  { imageSize: size, patchSize: patch, channels = 1, length: most, ...fields }: ReaderFields,
  { alphabet: { size: vocabulary, begin, end }, longest, imageSize: lineSize }: ReadingFacts,
): Seq2SeqConfig {
  const height = size?.[0] ?? lineSize[0]
  const patchSize = patch ?? [height, 4]
  const width = size?.[1] ?? Math.ceil((lineSize[1] * height) / lineSize[0] / patchSize[1]) * patchSize[1]
  return seq2seqConfig({
    ...smallModel,
    ...fields,
    source: { kind: "image", imageSize: [height, width], patchSize, channels },
    vocabulary,
    begin,
    end,
    length: (most ?? longest) + 1,
  })
}
