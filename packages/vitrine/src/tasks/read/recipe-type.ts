import { type Alphabet, type Seq2SeqConfig, type TransformerConfig } from "@vitrine/seq2seq"
import { type TrainingOptions } from "@vitrine/trainer"

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
