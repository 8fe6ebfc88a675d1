import { type Alphabet, type Seq2SeqConfig, type TransformerConfig } from "@vitrine/seq2seq"
import { type TrainingOptions } from "@vitrine/trainer"

/** The fields of a reader that a recipe can hold. */
export interface ReaderFields extends Partial<TransformerConfig> {
  /**
   * [height, width] of the model's input, to which lines are scaled. By default the height is the data's, or 32 if the
   * heights differ. The width is the greatest width of the scaled lines.
   */
  readonly imageSize?: readonly [number, number]
  /** [height, width]. The default is strips of 4 columns that are as high as the image. */
  readonly patchSize?: readonly [number, number]
  /** 1 for grey, the default, or 3. */
  readonly channels?: 1 | 3
  /** The greatest number of characters in a text. The default is that of the longest training text. */
  readonly length?: number
  /** Whether the table of embeddings is also the matrix before the softmax; true by default. */
  readonly tied?: boolean
}

type Training = Omit<TrainingOptions, "steps" | "seed" | "loss" | "classWeights" | "layerDecay">

/** The training of a reader, without the data. It is plain data, and each run stores it. */
export interface ReadingRecipe extends Partial<Training> {
  readonly task: "read"
  readonly model?: ReaderFields
  /**
   * The least and the greatest number of characters in a row, for data from which rows are made; 1 and 5 by default.
   */
  readonly characters?: readonly [least: number, most: number]
  /** The number of updates. Give either `steps` or `epochs`. */
  readonly steps?: number
  /** The number of passes over the data. */
  readonly epochs?: number
  /**
   * The number of lines in the batch of an update. It is cut into `microBatches`. With `accumulate`, the older spelling, an
   * update takes so many batches.
   */
  readonly batchSize?: number
  readonly labelSmoothing?: number
  /** Mean and standard deviation of each channel; by default those of some training images. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** The number of steps between evaluations and checkpoints. The default is a tenth of the run. */
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

/** The facts of data from which the missing fields of a recipe follow. */
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
