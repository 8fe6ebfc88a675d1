import { type DetectionLossOptions, type DetectionTransform, type DetrConfig } from "@vitrine/detection"
import { type TrainingOptions } from "@vitrine/trainer"

/** The training of a detector, without the data. It is plain data, and each run stores it. */
export interface DetectionRecipe
  extends Partial<Omit<TrainingOptions, "steps" | "loss" | "classWeights" | "layerDecay" | "ema" | "emaWarmup">> {
  /** Fields of a DetrConfig. The data decide `classes`. */
  readonly model?: Partial<DetrConfig>
  /** [height, width] of the model's input. Images are resized to fit into it, and padded. */
  readonly imageSize?: readonly [number, number]
  /** The number of updates. Give either `steps` or `epochs`. */
  readonly steps?: number
  /** The number of passes over the data. */
  readonly epochs?: number
  /**
   * The number of images in the batch of an update. It is cut into `microBatches`. With `accumulate`, the older spelling, an
   * update takes so many batches.
   */
  readonly batchSize?: number
  /**
   * Transforms of each training image and its boxes. The default is DETR's, `detectionTraining(imageSize)`. The
   * built-in scenes have none, since there are many.
   */
  readonly augment?: readonly DetectionTransform[]
  readonly losses?: Partial<DetectionLossOptions>
  /** Mean and standard deviation of each channel of the input; 0.5 and 0.25 by default. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /**
   * The number of steps between evaluations and checkpoints. The default is a tenth of the run, but at least an epoch.
   */
  readonly evaluateEvery?: number
}

/** A complete recipe. */
export interface ResolvedDetectionRecipe {
  readonly config: DetrConfig
  readonly imageSize: readonly [number, number]
  readonly batchSize: number
  readonly augment: readonly DetectionTransform[]
  readonly losses: DetectionLossOptions
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly evaluateEvery: number
  readonly training: TrainingOptions
}

/** The facts of data from which the missing fields of a recipe follow. */
export interface DetectionFacts {
  readonly examples: number
  readonly classes: number
  /** [height, width] of the first image. */
  readonly imageSize: readonly [number, number]
  /** The greatest number of objects in one image. */
  readonly objects: number
  /** Whether the data are the built-in scenes. */
  readonly builtIn: boolean
}
