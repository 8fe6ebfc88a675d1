import { familyOf, familyOfRecipe, type ModelConfig, type Preprocessing } from "@vitrine/checkpoint"
import { type InitScheme, VitrineError } from "@vitrine/core"
import { type Mix, normalize, type Transform } from "@vitrine/data"
import { checkTransforms } from "@vitrine/data/internal"
import { type Distillation, type TrainingOptions, trainingOptions } from "@vitrine/trainer"
import { inField } from "../../in-field.ts"
import { optionsIn } from "../../training-schema.ts"
import { learnsClasses, type ObjectiveName } from "./objectives.ts"
import { checkRecipe } from "./schema.ts"

/** Everything about a training run but the data: plain data, so that it can be JSON, and is written down with the run. */
export interface Recipe extends Partial<Omit<TrainingOptions, "steps">> {
  /** A variant such as `Ti/16` or `R50x1`, the fields of a configuration, or both. What the data decide is filled in. */
  readonly model?: string | ModelFields
  /** How parameters start; `fan` by default, which suits small models on small data. A ResNet has `timm` alone. */
  readonly init?: InitScheme
  /** Length of the run: updates, or passes over the data. */
  readonly steps?: number
  readonly epochs?: number
  /** Examples a batch; an update sees `accumulate` times as many. */
  readonly batchSize?: number
  /** What happens to each training image between decoding and normalisation. */
  readonly augment?: readonly Transform[]
  /** What happens to it after normalisation, such as random erasing. */
  readonly augmentNormalized?: readonly Transform[]
  /** What is learned: the classes of images, or without labels the colours of masked patches. */
  readonly task?: ObjectiveName
  /** How the model learns from a teacher, which `train` is given. */
  readonly distillation?: Partial<Distillation>
  readonly labelSmoothing?: number
  readonly mix?: Mix
  /** Leave out the short last batch of an epoch; true by default. */
  readonly dropLast?: boolean
  readonly interpolation?: Preprocessing["interpolation"]
  /** The share of the image that evaluation keeps; 1 by default. */
  readonly cropPct?: number
  /** How images of another shape become the model's; `center` by default. */
  readonly cropMode?: Preprocessing["cropMode"]
  /**
   * Mean and standard deviation of each channel of the input, or one number for all; those of the first 10,000 training
   * images by default.
   */
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

/** The recipe for data; everything is left open where there is none. */
export function recipeFor(rule: Recipe | RecipeRule = {}, data: DataFacts): Recipe {
  const recipe = typeof rule === "function" ? rule(data) : rule
  checkRecipe(recipe)
  return recipe
}

/** Gives a recipe, or a rule that makes one for data, its type; returns it as it is. */
export function defineRecipe<R extends Recipe | RecipeRule>(recipe: R): R {
  return recipe
}

/** What the data say about a run. */
export interface DataFacts {
  readonly examples: number
  readonly classes: number
  readonly channels: number
  /** Height and width of the first image. */
  readonly imageSize: readonly [number, number]
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** A recipe with nothing left open. */
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

/** Images up to this size are trained on as they are; larger ones at 224. */
const smallSide = 96

/**
 * Fills in what a recipe leaves open, from the data and from defaults.
 * @throws VitrineError (config) for a field that is unknown or makes no sense.
 */
export function resolveRecipe(recipe: Recipe, data: DataFacts, seed: number): ResolvedRecipe {
  checkRecipe(recipe)
  const batchSize = recipe.batchSize ?? 64
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
  const steps = recipe.steps ?? Math.round((recipe.epochs ?? 10) * perEpoch)
  if (steps === 0)
    throw new VitrineError("config", `recipe: epochs: ${recipe.epochs} of ${perEpoch} updates each make no step`)
  const training = inField("recipe", "", () => trainingOptions({ ...optionsIn(recipe), steps, seed }))
  const { task = "classify", augmentNormalized = [] } = recipe
  const distillation = recipe.distillation === undefined ? null : { ...deit, ...recipe.distillation }
  if (distillation !== null && !learnsClasses(task))
    throw new VitrineError("config", `recipe: task ${task} learns no classes, and distillation teaches classes`)
  const facts = learnsClasses(task) ? data : { ...data, classes: 0 }
  const config = inField("recipe", "model", () => modelConfig(modelFor(recipe), facts))
  // What is cut out of an image becomes the model's input, whatever size the recipe was written for.
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

/** A model that is taught has a distillation token. */
function modelFor({ model = {}, distillation }: Recipe): string | ModelFields {
  if (distillation === undefined) return model
  return { distillationToken: true, ...(typeof model === "string" ? { variant: model } : model) }
}

function modelConfig(model: string | ModelFields, data: DataFacts): ModelConfig {
  const { variant: name, ...given } = typeof model === "string" ? { variant: model } : model
  const [height, width] = data.imageSize
  const small = Math.max(height, width) <= smallSide
  const imageSize = given.imageSize ?? (small ? data.imageSize : ([224, 224] as const))
  const known = { channels: data.channels, classes: data.classes, ...given, imageSize }
  if (known.channels !== data.channels || known.classes !== data.classes)
    throw new VitrineError(
      "config",
      `the model has ${known.channels} channels and ${known.classes} classes, the data ${data.channels} and ${data.classes}`,
    )
  const family = familyOfRecipe(name, given)
  const other = Object.keys(known).find((field) => !family.fields.includes(field))
  if (other !== undefined) throw new VitrineError("config", `a ${family.label} has no "${other}"`)
  return family.recipes.config(known, name, small)
}
