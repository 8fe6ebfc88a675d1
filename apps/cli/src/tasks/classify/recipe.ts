import { axialPositions } from "@vitrine/core"
import { checkRecipe, type ModelFields, type Recipe, type RecipeRule } from "vitrine"
import { defined, overrideTraining } from "../../recipes/overrides.ts"
import type { ClassifyValues } from "./train-flags.ts"

/**
 * Overrides the fields of a recipe with flags. If `recipe` is a rule, it returns a new rule, which applies the flags to
 * the recipe that the old rule makes.
 * @throws VitrineError (config) if `recipe` is an object with a field that a recipe cannot hold
 */
export function overrideRecipe(recipe: object | RecipeRule, flags: ClassifyValues): Recipe | RecipeRule {
  if (typeof recipe === "function") return (data) => override(recipe(data), flags)
  checkRecipe(recipe)
  return override(recipe, flags)
}

function override({ model, ...recipe }: Recipe, flags: ClassifyValues): Recipe {
  const { mixup, cutmix, init, ema, layerDecay, labelSmoothing, best, augment, mean, std } = flags
  const mix = defined({ mixup, cutmix })
  const distillation = defined({
    kind: flags.distillation,
    alpha: flags.distillationAlpha,
    tau: flags.distillationTau,
  })
  return {
    ...overrideTraining(recipe, flags),
    ...defined({ model: overrideModel(model, flags), init, ema, layerDecay, labelSmoothing, best, augment, mean, std }),
    ...(flags.task === undefined ? {} : { task: flags.task }),
    ...(isEmpty(mix) ? {} : { mix: { ...recipe.mix, ...mix } }),
    ...(isEmpty(distillation) ? {} : { distillation: { ...recipe.distillation, ...distillation } }),
  }
}

const isEmpty = (fields: object): boolean => Object.keys(fields).length === 0

function overrideModel(model: Recipe["model"], flags: ClassifyValues): ModelFields | undefined {
  const fields = typeof model === "string" ? { variant: model } : (model ?? {})
  const { imageSize, patchSize, dim, depth, heads, mlpDim, pool, activation, dropout, stochasticDepth } = flags
  const positions = flags.positions === "rotary" ? axialPositions : flags.positions
  const { widths, depths, stemWidth, groups } = flags
  const transformer = { imageSize, patchSize, dim, depth, heads, mlpDim, pool, positions, activation, dropout }
  const resnet = { stochasticDepth, widths, depths, stemWidth, groups }
  // If `--model` names a variant, the variant replaces the recipe's whole model.
  const base = flags.model === undefined ? fields : { variant: flags.model }
  const all = { ...base, ...defined({ ...transformer, ...resnet }) }
  return isEmpty(all) ? undefined : all
}
