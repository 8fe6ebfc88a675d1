import { VitrineError } from "@vitrine/core"
import { type Alphabet, type Seq2SeqConfig, seq2seqConfig, type TransformerConfig } from "@vitrine/seq2seq"
import { type TrainingOptions, trainingOptions } from "@vitrine/trainer"
import { inField } from "../../in-field.ts"
import { stepsOf } from "../../order.ts"
import { optionsIn } from "../../training-schema.ts"
import { checkReadingRecipe } from "./schema.ts"

/** The fields of a reader that a recipe can hold. */
export interface ReaderFields extends Partial<TransformerConfig> {
  /**
   * [height, width] of the model's input, into which lines are scaled. The height is the data's by default, or 32 for lines of several
   * heights; the width is their greatest width.
   */
  readonly imageSize?: readonly [number, number]
  /** [height, width]; by default strips of 4 columns as high as the image. */
  readonly patchSize?: readonly [number, number]
  /** 1 for grey, the default, or 3. */
  readonly channels?: 1 | 3
  /** The most characters of a text; by default those of the longest training text. */
  readonly length?: number
  /** Whether the matrix before the softmax is the table of embeddings; true by default. */
  readonly tied?: boolean
}

type Training = Omit<TrainingOptions, "steps" | "seed" | "loss" | "classWeights" | "layerDecay">

/** How a reader is trained, apart from the data. It is plain data, and each run stores it. */
export interface ReadingRecipe extends Partial<Training> {
  readonly task: "read"
  readonly model?: ReaderFields
  /** How many characters a row has, for data of which rows are made; from 1 to 5 by default. */
  readonly characters?: readonly [least: number, most: number]
  /** Updates of the run. Give `steps` or `epochs`. */
  readonly steps?: number
  /** Passes over the data. */
  readonly epochs?: number
  /** Lines of a batch; an update takes `accumulate` batches. */
  readonly batchSize?: number
  readonly labelSmoothing?: number
  /** Mean and standard deviation of each channel; by default those of some training images. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** Steps between evaluations and checkpoints; by default a tenth of the run. */
  readonly evaluateEvery?: number
}

/** A complete recipe. */
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

/** The facts of data that decide what a recipe leaves open. */
export interface ReadingFacts {
  readonly examples: number
  readonly alphabet: Alphabet
  /** The number of characters in the longest text. */
  readonly longest: number
  /** The greatest height and the greatest width of the images. */
  readonly imageSize: readonly [number, number]
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Returns a recipe as it is. TypeScript then checks it. */
export function defineReadingRecipe(recipe: ReadingRecipe): ReadingRecipe {
  return recipe
}

/** This model reads a row of up to five digits after some minutes on two cores. */
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
 * Completes a recipe from the data and from defaults.
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
