import { familyOf, familyOfRecipe, imageModel, type ModelConfig } from "@vitrine/checkpoint"
import { parameterCount } from "@vitrine/core"
import { momentumChange, type RecipeChange, type RunPlan, waysOf } from "../../plan/fit.ts"
import type { PlanSubject } from "../../plan/subject.ts"
import type { TaskPlan } from "../task.ts"
import type { DataFacts, Recipe, ResolvedRecipe } from "./recipe-type.ts"
import { recipeFor, resolveRecipe, withArchitecture } from "./recipe.ts"
import { objectiveOf } from "./training.ts"

/** ImageNet-1k. */
const imageNet: DataFacts = {
  examples: 1_281_167,
  classes: 1000,
  channels: 3,
  imageSize: [224, 224],
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
}

/** Trainings of classifiers, to be planned. */
export const classifierPlan: TaskPlan = {
  subject: classifierSubject,
  withoutData: async (recipe: Recipe) =>
    resolveRecipe(await withArchitecture(recipeFor(recipe, imageNet)), imageNet, 0),
  assumedData: "ImageNet-1k: 1,281,167 images of 1,000 classes",
}

/** The training of a classifier, to be planned. The teacher of a distillation is no part of it. */
export function classifierSubject(recipe: ResolvedRecipe): PlanSubject {
  const { config, batchSize, training } = recipe
  const model = imageModel(config)
  const { rows, measure } = objectiveOf(model, recipe)
  return {
    model: familyOf(config).describe(config).short,
    parameters: model.parameters,
    image: [...model.imageSize, model.channels],
    forward: (scope, images) => ({ logits: model.forward(scope, images) }),
    objective: { rows },
    cuts: false,
    measure,
    batchSize,
    training,
  }
}

/** A training that is about to begin. */
export function classifierRun(recipe: ResolvedRecipe): RunPlan {
  return { subject: classifierSubject(recipe), ways: () => waysOf(recipe, [...changesOf(recipe)], classifierSubject) }
}

/** Changes of a training that may take less memory, those that change the result least first. */
function* changesOf({ config, training }: ResolvedRecipe): Generator<RecipeChange<ResolvedRecipe>> {
  const { fields, recipes, label } = familyOf(config)
  const configured = (other: Partial<ModelConfig>): ModelConfig =>
    recipes.config({ ...config, ...other }, undefined, false)
  const [height, width] = config.imageSize
  const [rows, columns] = "patchSize" in config ? config.patchSize : [16, 16]
  if (fields.includes("imageSize") && height % (2 * rows) === 0 && width % (2 * columns) === 0)
    yield {
      kind: "images",
      flags: `--image-size ${height / 2}${height === width ? "" : `x${width / 2}`}`,
      change: { config: configured({ imageSize: [height / 2, width / 2] }) },
    }
  yield* momentumChange(training)
  for (const name of smallerModels) {
    if (familyOfRecipe(name, {}).label !== label || ("stem" in config && config.stem !== null)) continue
    const variant = Object(recipes.variant(name, {}))
    const smaller = configured(Object.fromEntries(recipes.variantFields.map((field) => [field, variant[field]])))
    if (count(smaller) < count(config)) yield { kind: "model", flags: `--model ${name}`, change: { config: smaller } }
  }
  if ("dim" in config && config.dim % (2 * config.heads) === 0)
    yield {
      kind: "width",
      flags: `--dim ${config.dim / 2} --mlp-dim ${config.mlpDim / 2}`,
      change: { config: configured({ dim: config.dim / 2, mlpDim: config.mlpDim / 2 }) },
    }
}

/** Variants from large to small, of all families. */
const smallerModels = ["L/16", "B/16", "B/32", "S/16", "S/32", "Ti/16", "R101x1", "R50x1"] as const

const count = (config: ResolvedRecipe["config"]): number => parameterCount(imageModel(config).parameters)
