import { familyOf, familyOfRecipe, type ModelConfig, type Preprocessing } from "@vitrine/checkpoint"
import { type InitScheme, VitrineError } from "@vitrine/core"
import { type Mix, normalize, type Transform } from "@vitrine/data"
import { checkTransforms } from "@vitrine/data/internal"
import { type Distillation, type TrainingOptions, trainingOptions } from "@vitrine/trainer"
import { inField } from "../../in-field.ts"
import { stepsOf } from "../../order.ts"
import { optionsIn } from "../../training-schema.ts"
import { learnsClasses, type ObjectiveName } from "./objectives.ts"
import { checkRecipe } from "./schema.ts"

/** How a classifier is trained, apart from the data. It is plain data, and each run stores it. */
export interface Recipe extends Partial<Omit<TrainingOptions, "steps">> {
  /** A variant such as `Ti/16` or `R50x1`, fields of a configuration, or both. The data decide the other fields. */
  readonly model?: string | ModelFields
  /** How parameters are drawn. `fan`, the default, suits small models on small data. A ResNet has `timm` alone. */
  readonly init?: InitScheme
  /** Updates of the run. Give `steps` or `epochs`. */
  readonly steps?: number
  /** Passes over the data; 10 by default. */
  readonly epochs?: number
  /** Examples of a batch; an update takes `accumulate` batches. */
  readonly batchSize?: number
  /** Transforms of each training image between decoding and normalisation. */
  readonly augment?: readonly Transform[]
  /** Transforms of it after normalisation, such as random erasing. */
  readonly augmentNormalized?: readonly Transform[]
  /** The objective: the classes of images, or without labels the colours of masked patches. */
  readonly task?: ObjectiveName
  /** How the model learns from a teacher (`distillFrom` of `train`). */
  readonly distillation?: Partial<Distillation>
  readonly labelSmoothing?: number
  readonly mix?: Mix
  /** Whether an epoch leaves out its short last batch; true by default. */
  readonly dropLast?: boolean
  readonly interpolation?: Preprocessing["interpolation"]
  /** The share of the image that evaluation keeps; 1 by default. */
  readonly cropPct?: number
  /** How images of another shape get the model's shape; `center` by default. */
  readonly cropMode?: Preprocessing["cropMode"]
  /** Mean and standard deviation of each channel, or one number for all; by default those of the first 10,000 training images. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** Steps between evaluations and checkpoints; by default one epoch, and at least a tenth of the run. */
  readonly evaluateEvery?: number
}

/**
 * Fields of a configuration, and the name of a variant that they change. The family follows from `family`, from the variant,
 * or from fields that only one family has, such as `widths`; otherwise the model is a Vision Transformer.
 */
export type ModelFields = Partial<ModelConfig> & { readonly variant?: string }

/** A recipe that depends on the data. */
export type RecipeRule = (data: DataFacts) => Recipe

/** The recipe for these data; without one, an empty recipe. */
export function recipeFor(rule: Recipe | RecipeRule = {}, data: DataFacts): Recipe {
  const recipe = typeof rule === "function" ? rule(data) : rule
  checkRecipe(recipe)
  return recipe
}

/** Returns a recipe, or a rule for data, as it is. TypeScript then checks it. */
export function defineRecipe<R extends Recipe | RecipeRule>(recipe: R): R {
  return recipe
}

/** The facts of data that decide what a recipe leaves open. */
export interface DataFacts {
  readonly examples: number
  readonly classes: number
  readonly channels: number
  /** Height and width of the first image. */
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
  readonly training: TrainingOptions
}

/** Images up to this side keep their size; larger ones are resized to 224. */
const smallSide = 96

/**
 * Completes a recipe from the data and from defaults.
 * @throws VitrineError (config) for a field that is unknown or makes no sense.
 */
export function resolveRecipe(recipe: Recipe, data: DataFacts, seed: number): ResolvedRecipe {
  checkRecipe(recipe)
  const batchSize = recipe.batchSize ?? Math.min(64, data.examples)
  const dropLast = recipe.dropLast ?? true
  if (dropLast && data.examples < batchSize)
    throw new VitrineError(
      "config",
      `recipe: batchSize: a batch of ${batchSize} needs more than the ${data.examples} training images; lower it (--batch-size)`,
    )
  const batches = dropLast ? Math.floor(data.examples / batchSize) : Math.ceil(data.examples / batchSize)
  const perEpoch = Math.max(1, Math.floor(batches / (recipe.accumulate ?? 1)))
  if (recipe.steps !== undefined && recipe.epochs !== undefined)
    throw new VitrineError("config", "recipe: give steps or epochs, not both")
  const steps = recipe.steps ?? stepsOf(recipe.epochs ?? 10, batches, recipe.accumulate)
  const training = inField("recipe", "", () =>
    trainingOptions({ emaWarmup: typeof recipe.ema === "number", ...optionsIn(recipe), steps, seed }),
  )
  const { task = "classify", augmentNormalized = [] } = recipe
  const distillation = recipe.distillation === undefined ? null : { ...deit, ...recipe.distillation }
  if (distillation !== null && !learnsClasses(task))
    throw new VitrineError("config", `recipe: task ${task} learns no classes, and distillation teaches classes`)
  const facts = learnsClasses(task) ? data : { ...data, classes: 0 }
  const config = inField("recipe", "model", () => modelConfig(modelFor(recipe), facts))
  // Crops have the size of the model's input, even if the recipe names another.
  const augment = (recipe.augment ?? []).map((step) =>
    step.op === "randomResizedCrop" || step.op === "randomCrop" ? { ...step, size: config.imageSize } : step,
  )
  const { recipes: rules } = familyOf(config)
  const mean = perChannel("mean", recipe.mean ?? data.mean, config)
  const std = perChannel("std", recipe.std ?? data.std, config)
  const numbers = normalize(0, 1)
  inField("recipe", "augment", () => checkTransforms([...augment, numbers]))
  inField("recipe", "augmentNormalized", () => checkTransforms([numbers, ...augmentNormalized]))
  const [height, width] = config.imageSize
  if (batchSize * height * width * config.channels > 2 ** 30)
    throw new VitrineError(
      "config",
      `recipe: a batch of ${batchSize} images of ${height}×${width}×${config.channels} takes over 4 GiB; lower batchSize or model.imageSize (--batch-size, --image-size)`,
    )
  return {
    config,
    init: oneOf("init", recipe.init ?? rules.initScheme, rules.initSchemes),
    batchSize,
    augment,
    augmentNormalized,
    task,
    distillation,
    labelSmoothing: recipe.labelSmoothing ?? 0,
    mix: recipe.mix ?? null,
    dropLast,
    interpolation: recipe.interpolation ?? "bicubic",
    cropPct: recipe.cropPct ?? 1,
    cropMode: recipe.cropMode ?? "center",
    mean,
    std,
    evaluateEvery: recipe.evaluateEvery ?? Math.max(perEpoch, Math.ceil(steps / 10)),
    training,
  }
}

/** A value for each channel; one number stands for all. */
function perChannel(field: string, values: readonly number[], { channels }: ModelConfig): readonly number[] {
  if (values.length === channels) return values
  if (values.length !== 1)
    throw new VitrineError(
      "config",
      `recipe: ${field} must be ${channels} numbers or one, got ${JSON.stringify(values)}`,
    )
  return Array.from({ length: channels }, () => values).flat()
}

function oneOf<T extends string>(field: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value))
    throw new VitrineError(
      "config",
      `recipe: ${field} must be one of ${allowed.join(", ")}, got ${JSON.stringify(value)}`,
    )
  return value
}

/** DeiT's defaults. */
const deit: Distillation = { kind: "hard", alpha: 0.5, tau: 1 }

/** The model of a recipe; by distillation it has a distillation token. */
function modelFor({ model = {}, distillation }: Recipe): string | ModelFields {
  if (distillation === undefined) return model
  return { distillationToken: true, ...(typeof model === "string" ? { variant: model } : model) }
}

function modelConfig(model: string | ModelFields, data: DataFacts): ModelConfig {
  const { variant: name, ...fields } = typeof model === "string" ? { variant: model } : model
  const [height, width] = data.imageSize
  const small = Math.max(height, width) <= smallSide
  const imageSize = fields.imageSize ?? (small ? data.imageSize : ([224, 224] as const))
  const config = { channels: data.channels, classes: data.classes, ...fields, imageSize }
  if (config.channels !== data.channels || config.classes !== data.classes)
    throw new VitrineError(
      "config",
      `the model has ${config.channels} channels and ${config.classes} classes, the data ${data.channels} and ${data.classes}`,
    )
  const family = familyOfRecipe(name, fields)
  const other = Object.keys(config).find((field) => !family.fields.includes(field))
  if (other !== undefined) throw new VitrineError("config", `a ${family.label} has no "${other}"`)
  return family.recipes.config(config, name, small)
}
