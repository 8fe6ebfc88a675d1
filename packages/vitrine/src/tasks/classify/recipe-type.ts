import { type ModelConfig, type Preprocessing } from "@vitrine/checkpoint"
import { type InitScheme } from "@vitrine/core"
import { type Mix, type Transform } from "@vitrine/data"
import { type Distillation, type TrainingOptions } from "@vitrine/trainer"
import { type BestName } from "./best.ts"
import { type ObjectiveName } from "./objectives.ts"

/** The training of a classifier, without the data. It is plain data, and each run stores it. */
export interface Recipe extends Partial<Omit<TrainingOptions, "steps" | "seed">> {
  /**
   * A variant such as `Ti/16` or `R50x1`, or timm's name of a model such as `vit_tiny_patch16_224`, fields of a
   * configuration, or both. The data decide the other fields.
   */
  readonly model?: string | ModelFields
  /**
   * The initialisation of parameters. `fan`, the default, suits small models on small data. ResNets have only `timm`.
   */
  readonly init?: InitScheme
  /** The number of updates. Give either `steps` or `epochs`. */
  readonly steps?: number
  /** The number of passes over the data; 10 by default. */
  readonly epochs?: number
  /**
   * The number of examples in the batch of an update. It is cut into `microBatches`. With `accumulate`, the older spelling, an
   * update takes so many batches.
   */
  readonly batchSize?: number
  /** Transforms of each training image between decoding and normalisation. */
  readonly augment?: readonly Transform[]
  /** Transforms of each training image after normalisation, such as random erasing. */
  readonly augmentNormalized?: readonly Transform[]
  /**
   * The objective: the class of an image (`classify`), several labels of an image (`multi-label`), or the colours of
   * masked patches, which need no labels (`masked-patch`). By default the data decide between the first two.
   */
  readonly task?: ObjectiveName
  /** For several labels and F1, the least probability of a predicted label; 0.5 by default. */
  readonly threshold?: number
  /** Options of learning from a teacher (`distillFrom` of `train`). */
  readonly distillation?: Partial<Distillation>
  readonly labelSmoothing?: number
  readonly mix?: Mix
  /** Whether an epoch leaves out its short last batch; false by default. */
  readonly dropLast?: boolean
  readonly interpolation?: Preprocessing["interpolation"]
  /** The share of the image that evaluation keeps; 1 by default. */
  readonly cropPct?: number
  /** How images of another shape get the model's shape; `center` by default. */
  readonly cropMode?: Preprocessing["cropMode"]
  /** Mean and standard deviation of each channel, or one number for all; by default those of 2,000 training images, or of all where they are fewer. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /**
   * The number of steps between evaluations and checkpoints. The default is one epoch, but at least a tenth of the run.
   */
  readonly evaluateEvery?: number
  /**
   * The score on the validation images by which the published checkpoint is chosen, or `last`. The default is `top1`, or
   * `ap` for several labels.
   */
  readonly best?: BestName
}

/**
 * Fields of a configuration, and the name of a variant that they change. The family follows from `family`, from the
 * variant, or from fields that only one family has, such as `widths`. Otherwise the model is a Vision Transformer.
 */
export type ModelFields = Partial<ModelConfig> & { readonly variant?: string }

/** A recipe that depends on the data. */
export type RecipeRule = (data: DataFacts) => Recipe

/** The facts of data from which the missing fields of a recipe follow. */
export interface DataFacts {
  readonly examples: number
  readonly classes: number
  readonly channels: number
  /** The median height and the median width of many images. */
  readonly imageSize: readonly [number, number]
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** A complete recipe. */
export interface ResolvedRecipe {
  readonly config: ModelConfig
  readonly init: InitScheme
  readonly batchSize: number
  readonly augment: readonly Transform[]
  readonly augmentNormalized: readonly Transform[]
  readonly task: ObjectiveName
  readonly threshold: number
  readonly distillation: Distillation | null
  readonly labelSmoothing: number
  readonly mix: Mix | null
  readonly dropLast: boolean
  readonly interpolation: Preprocessing["interpolation"]
  readonly cropPct: number
  readonly cropMode: Preprocessing["cropMode"]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly evaluateEvery: number
  readonly best: BestName
  readonly training: TrainingOptions
}
