import {
  applyOverrides,
  type Family,
  familyOf,
  familyOfRecipe,
  imageModel,
  type ModelConfig,
  type ModelDescription,
  type ModelHints,
  type OpenModel,
  parameterReader,
  resizeWeights,
} from "@vitrine/checkpoint"
import { type ViTConfig, VitrineError } from "@vitrine/core"
import type { BiTConfig } from "@vitrine/resnet"
import { isHead } from "@vitrine/trainer"
import type { DataFacts, Recipe } from "./recipe-type.ts"
/** Fields in which a run may differ from its starting model. */
const changeable: readonly string[] = [
  "family",
  "imageSize",
  "classes",
  "preLogits",
  "dropout",
  "attentionDropout",
  "stochasticDepth",
]

/** Whether a model has these classes. A model without labels may have any. */
function hasClasses({ config, labels }: ModelDescription, classes: readonly string[]): boolean {
  return config.classes === classes.length && (labels === null || labels.join("\n") === classes.join("\n"))
}

/**
 * Completes a recipe for a run that starts from a model. The model provides the missing fields of the recipe's model
 * and input. If the classes are others, the head becomes a single linear layer, as in the paper (section 3.2).
 * @param path the model's name in errors
 * @throws VitrineError (config) for a recipe of another model
 */
export function recipeFrom(recipe: Recipe, from: ModelDescription, classes: readonly string[], path: string): Recipe {
  const { config, preprocessing } = applyOverrides(from, {}, path)
  const { model = {} } = recipe
  const { variant: name, ...fields } = typeof model === "string" ? { variant: model } : model
  const family = familyOf(config)
  const { label } = familyOfRecipe(name, name === undefined ? config : {})
  if (label !== family.label)
    throw new VitrineError("config", `the run's model ${name} is a ${label}, but that of ${path} is a ${family.label}`)
  const shape = name === undefined ? {} : variantShape(family, name, fields.imageSize ?? config.imageSize)
  const changes = { ...shape, ...fields }
  checkSame(changes, config, path)
  const { classes: _, ...base } = config
  const head = hasClasses(from, classes) ? {} : family.recipes.linearHead
  const { interpolation, cropPct, cropMode, mean, std } = preprocessing
  return { interpolation, cropPct, cropMode, mean, std, ...recipe, model: { ...base, ...head, ...changes } }
}

type HintFields = Partial<
  Pick<ViTConfig, "imageSize" | "heads" | "activation" | "layerNormEpsilon" | "pool"> & Pick<BiTConfig, "groups">
>

/** The hints in a recipe for weights without a `config.json`. */
export function hintsFrom(model: Recipe["model"]): ModelHints {
  if (typeof model !== "object") return {}
  const { imageSize, heads, activation, layerNormEpsilon, pool, groups }: HintFields = model
  return { imageSize, heads, activation, layerNormEpsilon, groups, ...(pool !== "token+average" && { pool }) }
}

/** @throws VitrineError (config) for fields that differ from the model at `path` */
function checkSame(fields: object, config: ModelConfig, path: string): void {
  const modelFields: Readonly<Record<string, unknown>> = { ...config }
  for (const [field, value] of Object.entries(fields)) {
    const modelValue = modelFields[field]
    if (modelValue === undefined)
      throw new VitrineError(
        "config",
        `the run's model has ${field} ${JSON.stringify(value)}, but that of ${path} is a ${familyOf(config).label}`,
      )
    if (!changeable.includes(field) && JSON.stringify(value) !== JSON.stringify(modelValue))
      throw new VitrineError(
        "config",
        `the run's model has ${field} ${JSON.stringify(value)}, but that of ${path} has ${JSON.stringify(modelValue)}`,
      )
  }
}

/** The fields that a variant's name determines. */
function variantShape(family: Family, name: string, imageSize: readonly [number, number]): Partial<ModelConfig> {
  const { variant, variantFields } = family.recipes
  return Object.fromEntries(
    Object.entries(variant(name, { imageSize })).filter(([field]) => variantFields.includes(field)),
  )
}

/** The fields of the head as text. */
function headOf(config: ModelConfig): string {
  const { linearHead } = familyOf(config).recipes
  return JSON.stringify(Object.entries(config).filter(([field]) => Object.hasOwn(linearHead, field)))
}

/** The facts of data after the images are converted to the model's channels, grey or colour. */
export function factsFor(facts: DataFacts, { channels }: ModelConfig): DataFacts {
  return channels === 1 || channels === 3 ? { ...facts, channels } : facts
}

/** The weights from which a run starts. */
export interface StartingWeights {
  /** Values of parameters, by name. */
  readonly initial: Record<string, Float32Array>
  /** Whether the head starts at 0 because the classes are others. */
  readonly newHead: boolean
}

/**
 * The starting weights of a model with the configuration `config`: those of another model with resized positions. If
 * the classes are others, the head is zeros.
 * @param path the other model's name in errors
 * @throws VitrineError (config) for another kind of model
 */
export async function startFrom(
  model: OpenModel,
  config: ModelConfig,
  classes: readonly string[],
  path: string,
): Promise<StartingWeights> {
  const { config: from, positionMethod, weights, sources } = model
  checkSame(config, from, path)
  const newHead = !hasClasses(model, classes) || headOf(from) !== headOf(config)
  const read = parameterReader(weights, sources)
  const initial: Record<string, Float32Array> = {}
  for (const name of sources.keys()) if (!(newHead && isHead(name))) initial[name] = await read(name)
  if (newHead)
    for (const { name, shape } of imageModel(config).parameters)
      if (isHead(name) && !name.startsWith("pre_logits."))
        initial[name] = new Float32Array(shape.reduce((n, dim) => n * dim, 1))
  return { initial: { ...initial, ...(await resizeWeights(from, config, read, positionMethod)) }, newHead }
}
