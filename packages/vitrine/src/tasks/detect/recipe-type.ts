import { type DetectionLossOptions, type DetectionTransform, type DetrConfig } from "@vitrine/detection"
import { type TrainingOptions } from "@vitrine/trainer"

/** How a detector is trained, apart from the data. It is plain data, and each run stores it. */
export interface DetectionRecipe
  extends Partial<Omit<TrainingOptions, "steps" | "loss" | "classWeights" | "layerDecay" | "ema" | "emaWarmup">> {
  /** Fields of a DetrConfig. The data decide `classes`. */
  readonly model?: Partial<DetrConfig>
  /** [height, width] of the model's input. Images are resized to fit into it, and padded. */
  readonly imageSize?: readonly [number, number]
  /** Updates of the run. Give `steps` or `epochs`. */
  readonly steps?: number
  /** Passes over the data. */
  readonly epochs?: number
  /** Images of a batch; an update takes `accumulate` batches. */
  readonly batchSize?: number
  /**
   * Transforms of each training image and its boxes. DETR's, `detectionTraining(imageSize)`, by default; none for the built-in scenes,
   * which are many.
   */
  readonly augment?: readonly DetectionTransform[]
  readonly losses?: Partial<DetectionLossOptions>
  /** Mean and standard deviation of each channel of the input; 0.5 and 0.25 by default. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** Steps between evaluations and checkpoints; by default a tenth of the run, at least an epoch. */
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

/** The facts of data that decide what a recipe leaves open. */
export interface DetectionFacts {
  readonly examples: number
  readonly classes: number
  /** [height, width] of the first image. */
  readonly imageSize: readonly [number, number]
  /** The most objects of one image. */
  readonly objects: number
  /** Whether the data are the built-in scenes. */
  readonly builtIn: boolean
}
