import { familyOf, familyOfRecipe, type ModelConfig, timmModel } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { normalize } from "@vitrine/data"
import { checkTransforms } from "@vitrine/data/internal"
import { type Distillation, trainingOptions } from "@vitrine/trainer"
import { inField } from "../../in-field.ts"
import { fewImagesRecipe, leastSteps, patches, smallSide } from "./few-images.ts"
import { cutBatchSize, microBatchSize, stepsOf } from "../../order.ts"
import { optionsIn } from "../../training-schema.ts"
import { checkBest } from "./best.ts"
import { learnsClasses, learnsSeveralLabels } from "./objectives.ts"
import { checkRecipe } from "./schema.ts"
import type { Recipe, DataFacts, ResolvedRecipe, ModelFields, RecipeRule } from "./recipe-type.ts"

/** The recipe for these data. Without a rule it is empty. */
export function recipeFor(rule: Recipe | RecipeRule = {}, data: DataFacts): Recipe {
  const recipe = typeof rule === "function" ? rule(data) : rule
  checkRecipe(recipe)
  return recipe
}

/** Returns a recipe, or a rule for data, unchanged. TypeScript checks its type. */
export function defineRecipe<R extends Recipe | RecipeRule>(recipe: R): R {
  return recipe
}

/**
 * Completes a recipe with facts of the data and with defaults.
 * @throws VitrineError (config) for a field that is unknown or has no possible value
 */
export function resolveRecipe(incomplete: Recipe, data: DataFacts, seed: number): ResolvedRecipe {
  checkRecipe(incomplete)
  const recipe = fewImagesRecipe(incomplete, data)
  const batchSize = cutBatchSize(recipe, Math.min(64, data.examples))
  const dropLast = recipe.dropLast ?? false
  if (dropLast && data.examples < batchSize)
    throw new VitrineError(
      "config",
      `recipe: batchSize: a batch of ${batchSize} needs more than the ${data.examples} training images; lower it (--batch-size)`,
    )
  const batches = dropLast ? Math.floor(data.examples / batchSize) : Math.ceil(data.examples / batchSize)
  const perEpoch = Math.max(1, Math.floor(batches / (recipe.accumulate ?? 1)))
  if (recipe.steps !== undefined && recipe.epochs !== undefined)
    throw new VitrineError("config", "recipe: give steps or epochs, not both")
  const steps = stepsFor(recipe, batches, leastSteps(incomplete, data))
  const { task = "classify", augmentNormalized = [] } = recipe
  const several = learnsSeveralLabels(task)
  const training = inField("recipe", "", () =>
    trainingOptions({
      emaWarmup: typeof recipe.ema === "number",
      classWeightTotal: recipe.mix?.mixup || recipe.mix?.cutmix ? "examples" : "labels",
      ...(several && { loss: "binary" as const }),
      ...optionsIn(recipe),
      steps,
      seed,
    }),
  )
  if (several && training.loss !== "binary")
    throw new VitrineError("config", `recipe: loss must be binary for several labels, got "${training.loss}"`)
  const distillation = recipe.distillation === undefined ? null : { ...deit, ...recipe.distillation }
  if (distillation !== null && !learnsClasses(task))
    throw new VitrineError("config", `recipe: task ${task} learns no classes, and distillation teaches classes`)
  if (distillation !== null && several)
    throw new VitrineError("config", "recipe: distillation teaches one class, and the images may have several labels")
  const facts = learnsClasses(task) ? data : { ...data, classes: 0 }
  const config = inField("recipe", "model", () => modelConfig(modelFor(recipe), facts))
  // Crops have the size of the model's input, even if the recipe names another size.
  const augment = (recipe.augment ?? []).map((step) =>
    step.op === "randomResizedCrop" || step.op === "randomCrop" ? { ...step, size: config.imageSize } : step,
  )
  const best = recipe.best ?? (several ? "ap" : "top1")
  checkBest(best, several)
  const { recipes: rules } = familyOf(config)
  const mean = perChannel("mean", recipe.mean ?? data.mean, config)
  const std = perChannel("std", recipe.std ?? data.std, config)
  const numbers = normalize(0, 1)
  inField("recipe", "augment", () => checkTransforms([...augment, numbers]))
  inField("recipe", "augmentNormalized", () => checkTransforms([numbers, ...augmentNormalized]))
  const [height, width] = config.imageSize
  const atOnce = microBatchSize({ batchSize, training })
  if (atOnce * height * width * config.channels > 2 ** 30)
    throw new VitrineError(
      "config",
      `recipe: a batch of ${atOnce} images of ${height}×${width}×${config.channels} takes over 4 GiB; lower batchSize or model.imageSize, or cut it into microBatches (--batch-size, --image-size, --micro-batches)`,
    )
  return {
    config,
    init: oneOf("init", recipe.init ?? rules.initScheme, rules.initSchemes),
    batchSize,
    augment,
    augmentNormalized,
    task,
    threshold: recipe.threshold ?? 0.5,
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
    best,
    training,
  }
}

function stepsFor({ steps, epochs, accumulate }: Recipe, batches: number, least: number): number {
  if (steps !== undefined) return steps
  return epochs === undefined ? Math.max(least, stepsOf(10, batches, accumulate)) : stepsOf(epochs, batches, accumulate)
}

/** Gives each channel a value. One number counts for all channels. */
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

/** The defaults of DeiT. */
const deit: Distillation = { kind: "hard", alpha: 0.5, tau: 1 }

/** The model of a recipe. With distillation it has a distillation token. */
function modelFor({ model = {}, distillation }: Recipe): string | ModelFields {
  if (distillation === undefined) return model
  return { distillationToken: true, ...(typeof model === "string" ? { variant: model } : model) }
}

function modelConfig(model: string | ModelFields, data: DataFacts): ModelConfig {
  const { variant: name, ...fields } = typeof model === "string" ? { variant: model } : model
  const [height, width] = data.imageSize
  const small = Math.max(height, width) <= smallSide
  const family = familyOfRecipe(name, fields)
  const hasGrid = ["imageSize", "patchSize", "stem"].some((field) => Object.hasOwn(fields, field))
  const fits = small && name === undefined && !hasGrid && family.fields.includes("patchSize")
  const fitted = fits ? patches(data.imageSize) : {}
  const imageSize = small ? data.imageSize : ([224, 224] as const)
  const config = { imageSize, channels: data.channels, classes: data.classes, ...fitted, ...fields }
  if (config.channels !== data.channels || config.classes !== data.classes)
    throw new VitrineError(
      "config",
      `the model has ${config.channels} channels and ${config.classes} classes, the data ${data.channels} and ${data.classes}`,
    )
  const other = Object.keys(config).find((field) => !family.fields.includes(field))
  if (other !== undefined) throw new VitrineError("config", `a ${family.label} has no "${other}"`)
  return family.recipes.config(config, name, small)
}

/** Replaces a name of timm's by the fields of that model. The data decide its channels and classes. */
export async function withArchitecture(recipe: Recipe): Promise<Recipe> {
  const { model = {} } = recipe
  const { variant, ...fields } = typeof model === "string" ? { variant: model } : model
  const timms = variant === undefined ? undefined : await timmModel(variant)
  if (timms === undefined) return recipe
  const { channels: _, classes: __, ...architecture } = timms
  return { ...recipe, model: { ...architecture, ...fields } }
}
