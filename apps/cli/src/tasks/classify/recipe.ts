import { checkRecipe, type ModelFields, type Recipe, type RecipeRule } from "vitrine"
import { defined, overrideTraining } from "../../recipes/overrides.ts"
import type { ClassifyValues } from "./train-flags.ts"

/**
 * A recipe, or a rule that makes one, overridden by flags.
 * @throws VitrineError (config) for a field that a recipe cannot hold
 */
export function overrideRecipe(recipe: object | RecipeRule, flags: ClassifyValues): Recipe | RecipeRule {
  if (typeof recipe === "function") return (data) => override(recipe(data), flags)
  checkRecipe(recipe)
  return override(recipe, flags)
}

function override({ model, ...recipe }: Recipe, flags: ClassifyValues): Recipe {
  const { mixup, cutmix, init, ema, layerDecay, labelSmoothing } = flags
  const mix = defined({ mixup, cutmix })
  const distillation = defined({
    kind: flags.distillation,
    alpha: flags.distillationAlpha,
    tau: flags.distillationTau,
  })
  return {
    ...overrideTraining(recipe, flags),
    ...defined({ model: overrideModel(model, flags), init, ema, layerDecay, labelSmoothing }),
    ...(flags.task === undefined ? {} : { task: flags.task }),
    ...(isEmpty(mix) ? {} : { mix: { ...recipe.mix, ...mix } }),
    ...(isEmpty(distillation) ? {} : { distillation: { ...recipe.distillation, ...distillation } }),
  }
}

const isEmpty = (fields: object): boolean => Object.keys(fields).length === 0

function overrideModel(model: Recipe["model"], flags: ClassifyValues): ModelFields | undefined {
  const fields = typeof model === "string" ? { variant: model } : (model ?? {})
  const { imageSize, patchSize, dim, depth, heads, mlpDim, pool, positions, activation, dropout, stochasticDepth } =
    flags
  const { widths, depths, stemWidth, groups } = flags
  const transformer = { imageSize, patchSize, dim, depth, heads, mlpDim, pool, positions, activation, dropout }
  const resnet = { stochasticDepth, widths, depths, stemWidth, groups }
  // A variant named by a flag replaces the recipe's whole model.
  const base = flags.model === undefined ? fields : { variant: flags.model }
  const all = { ...base, ...defined({ ...transformer, ...resnet }) }
  return isEmpty(all) ? undefined : all
}
