import { VitrineError } from "@vitrine/core"
import { type Alphabet, type Seq2SeqConfig, seq2seqConfig, type TransformerConfig } from "@vitrine/seq2seq"
import { type TrainingOptions, trainingOptions } from "@vitrine/trainer"
import { inField } from "../../in-field.ts"
import { optionsIn } from "../../training-schema.ts"
import { checkReadingRecipe } from "./schema.ts"

/** The fields of a reader that a recipe can hold. */
export interface ReaderFields extends Partial<TransformerConfig> {
  /** [height, width] that lines are scaled to stay within; by default the data's height, or 32, and their greatest width. */
  readonly imageSize?: readonly [number, number]
  /** [height, width]; by default strips of 4 columns as high as the image. */
  readonly patchSize?: readonly [number, number]
  /** 1 for grey, as by default, or 3. */
  readonly channels?: 1 | 3
  /** The most characters of a text that is read; by default those of the longest text to train on. */
  readonly length?: number
  /** Whether the matrix before the softmax is the table of embeddings; it is by default. */
  readonly tied?: boolean
}

type Training = Omit<TrainingOptions, "steps" | "seed" | "loss" | "classWeights" | "layerDecay">

/** Everything about the training of a reader but the data: plain data, which is written down with the run. */
export interface ReadingRecipe extends Partial<Training> {
  readonly task: "read"
  readonly model?: ReaderFields
  /** Of rows made of the data's images: how many each has; from 1 to 5 by default. */
  readonly characters?: readonly [least: number, most: number]
  /** Length of the run: updates, or passes over the data. */
  readonly steps?: number
  readonly epochs?: number
  readonly batchSize?: number
  readonly labelSmoothing?: number
  /** Mean and standard deviation of each channel; by default those of some training images. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** Steps between evaluations and checkpoints; by default a tenth of the run. */
  readonly evaluateEvery?: number
}

/** A recipe with nothing left open. */
export interface ResolvedReadingRecipe {
  readonly task: "read"
  readonly config: Seq2SeqConfig
  readonly characters: readonly [least: number, most: number]
  readonly batchSize: number
  readonly labelSmoothing: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly evaluateEvery: number
  readonly training: TrainingOptions
}

/** What the data say about a run. */
export interface ReadingFacts {
  readonly examples: number
  readonly alphabet: Alphabet
  /** Characters of the longest text. */
  readonly longest: number
  /** [height, width] of the images, the greatest of each. */
  readonly imageSize: readonly [number, number]
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Helps an editor check a recipe of a reader. */
export function defineReadingRecipe(recipe: ReadingRecipe): ReadingRecipe {
  return recipe
}

/** Reads a row of up to five digits after some minutes on two cores. */
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
 * Fills in what a recipe leaves open, from the data and from defaults.
 * @throws VitrineError (config) for a field that is unknown or makes no sense.
 */
export function resolveReadingRecipe(recipe: ReadingRecipe, data: ReadingFacts, seed: number): ResolvedReadingRecipe {
  checkReadingRecipe(recipe)
  const { model = {}, characters = [1, 5], steps: updates, epochs, batchSize = 64, labelSmoothing = 0.1 } = recipe
  if (data.examples < batchSize)
    throw new VitrineError(
      "config",
      `recipe: batchSize: a batch of ${batchSize} needs more than the ${data.examples} lines to train on; lower it (--batch-size)`,
    )
  if (updates !== undefined && epochs !== undefined)
    throw new VitrineError("config", "recipe: give steps or epochs, not both")
  const perEpoch = Math.max(1, Math.floor(data.examples / batchSize / (recipe.accumulate ?? 1)))
  const steps = updates ?? (epochs === undefined ? defaultSteps : Math.max(1, Math.round(epochs * perEpoch)))
  const options = { ...trainingDefaults, ...optionsIn(recipe), steps, seed }
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
  { alphabet: { size: vocabulary, begin, end }, longest, imageSize: found }: ReadingFacts,
): Seq2SeqConfig {
  const height = size?.[0] ?? found[0]
  const patchSize = patch ?? [height, 4]
  const width = size?.[1] ?? Math.ceil((found[1] * height) / found[0] / patchSize[1]) * patchSize[1]
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
