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
import type { DataFacts, Recipe } from "./recipe.ts"

/** Fields of a model that can change between two runs. */
const free: readonly string[] = [
  "family",
  "imageSize",
  "classes",
  "preLogits",
  "dropout",
  "attentionDropout",
  "stochasticDepth",
]

/** Whether a model tells these classes apart, as far as can be known: one without labels may. */
function tells({ config, labels }: ModelDescription, classes: readonly string[]): boolean {
  return config.classes === classes.length && (labels === null || labels.join("\n") === classes.join("\n"))
}

/**
 * A recipe that goes on from a model: what it leaves open of the model and of its input is as the model has it. For other
 * classes the head becomes a single linear layer, as in the paper (section 3.2).
 * @param path names the model in errors.
 * @throws VitrineError (config) for a recipe of another model.
 */
export function recipeFrom(recipe: Recipe, from: ModelDescription, classes: readonly string[], path: string): Recipe {
  const { config, preprocessing } = applyOverrides(from, {}, path)
  const { model = {} } = recipe
  const { variant: name, ...given } = typeof model === "string" ? { variant: model } : model
  const family = familyOf(config)
  const { label } = familyOfRecipe(name, name === undefined ? config : {})
  if (label !== family.label)
    throw new VitrineError("config", `the run's model ${name} is a ${label}, but that of ${path} is a ${family.label}`)
  const shape = name === undefined ? {} : variantShape(family, name, given.imageSize ?? config.imageSize)
  const asked = { ...shape, ...given }
  checkSame(asked, config, path)
  const { classes: _, ...same } = config
  const kept = tells(from, classes) ? same : { ...same, ...family.recipes.linearHead }
  const { interpolation, cropPct, cropMode, mean, std } = preprocessing
  return { interpolation, cropPct, cropMode, mean, std, ...recipe, model: { ...kept, ...asked } }
}

type HintFields = Partial<
  Pick<ViTConfig, "imageSize" | "heads" | "activation" | "layerNormEpsilon" | "pool"> & Pick<BiTConfig, "groups">
>

/** What a recipe says of the model that weights without a `config.json` may not tell. */
export function hintsFrom(model: Recipe["model"]): ModelHints {
  if (typeof model !== "object") return {}
  const { imageSize, heads, activation, layerNormEpsilon, pool, groups }: HintFields = model
  return { imageSize, heads, activation, layerNormEpsilon, groups, ...(pool !== "token+average" && { pool }) }
}

function checkSame(asked: object, found: ModelConfig, path: string): void {
  const fields: Readonly<Record<string, unknown>> = { ...found }
  for (const [field, value] of Object.entries(asked)) {
    const own = fields[field]
    if (own === undefined)
      throw new VitrineError(
        "config",
        `the run's model has ${field} ${JSON.stringify(value)}, but that of ${path} is a ${familyOf(found).label}`,
      )
    if (!free.includes(field) && JSON.stringify(value) !== JSON.stringify(own))
      throw new VitrineError(
        "config",
        `the run's model has ${field} ${JSON.stringify(value)}, but that of ${path} has ${JSON.stringify(own)}`,
      )
  }
}

/** The fields that a variant's name decides. */
function variantShape(family: Family, name: string, imageSize: readonly [number, number]): Partial<ModelConfig> {
  const { variant, variantFields } = family.recipes
  return Object.fromEntries(
    Object.entries(variant(name, { imageSize })).filter(([field]) => variantFields.includes(field)),
  )
}

/** The fields that make the head, as text. */
function headOf(config: ModelConfig): string {
  const { linearHead } = familyOf(config).recipes
  return JSON.stringify(Object.entries(config).filter(([field]) => Object.hasOwn(linearHead, field)))
}

/** The facts of data as the model sees them: it gets grey images in colour, and coloured ones in grey. */
export function factsFor(facts: DataFacts, { channels }: ModelConfig): DataFacts {
  return channels === 1 || channels === 3 ? { ...facts, channels } : facts
}

export interface Start {
  /** Values for a model's parameters, by name. */
  readonly initial: Record<string, Float32Array>
  /** Whether the head starts at 0, for it has other classes. */
  readonly newHead: boolean
}

/**
 * What a model of `config` for these classes starts from: the weights of another, their positions resized, and for other
 * classes a head of zeros.
 * @param path names the other model in errors.
 * @throws VitrineError (config) for another kind of model.
 */
export async function startFrom(
  model: OpenModel,
  config: ModelConfig,
  classes: readonly string[],
  path: string,
): Promise<Start> {
  const { config: from, positionMethod, weights, sources } = model
  checkSame(config, from, path)
  const newHead = !tells(model, classes) || headOf(from) !== headOf(config)
  const read = parameterReader(weights, sources)
  const initial: Record<string, Float32Array> = {}
  for (const name of sources.keys()) if (!(newHead && isHead(name))) initial[name] = await read(name)
  if (newHead)
    for (const { name, shape } of imageModel(config).parameters)
      if (isHead(name) && !name.startsWith("pre_logits."))
        initial[name] = new Float32Array(shape.reduce((n, dim) => n * dim, 1))
  return { initial: { ...initial, ...(await resizeWeights(from, config, read, positionMethod)) }, newHead }
}
