import {
  imageModel,
  isBiT,
  type ModelConfig,
  type ModelDescription,
  type ModelHints,
  type OpenModel,
  applyOverrides,
  parameterReader,
  resizeWeights,
} from "@vitrine/checkpoint"
import { type ViTConfig, VitrineError, vitVariant } from "@vitrine/core"
import { type BiTConfig, bitVariant, isBiTVariant } from "@vitrine/resnet"
import { isHead } from "@vitrine/trainer"
import type { DataFacts, Recipe } from "./recipe.ts"

/** Fields of a model that can change between two runs. */
const free: readonly string[] = ["imageSize", "classes", "preLogits", "dropout", "attentionDropout", "stochasticDepth"]

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
  if (name !== undefined && isBiTVariant(name) !== isBiT(config))
    throw new VitrineError(
      "config",
      `the run's model ${name} is a ${familyOf(!isBiT(config))}, but that of ${path} is a ${familyOf(isBiT(config))}`,
    )
  const asked = { ...(name === undefined ? {} : shapeOf(name, given.imageSize ?? config.imageSize)), ...given }
  checkSame(asked, config, path)
  const { classes: _, ...same } = config
  const kept = isBiT(config) || tells(from, classes) ? same : { ...same, preLogits: null }
  const { interpolation, cropPct, cropMode, mean, std } = preprocessing
  return { interpolation, cropPct, cropMode, mean, std, ...recipe, model: { ...kept, ...asked } }
}

/** What a recipe says of the model that weights without a `config.json` may not tell. */
export function hintsFrom(model: Recipe["model"]): ModelHints {
  if (typeof model !== "object") return {}
  const { imageSize, heads, activation, layerNormEpsilon, pool, groups }: Partial<ViTConfig & BiTConfig> = model
  return { imageSize, heads, activation, layerNormEpsilon, groups, ...(pool !== "token+average" && { pool }) }
}

const familyOf = (resnet: boolean): string => (resnet ? "ResNet" : "Vision Transformer")

function checkSame(asked: object, found: ModelConfig, path: string): void {
  const fields: Readonly<Record<string, unknown>> = { ...found }
  for (const [field, value] of Object.entries(asked)) {
    const own = fields[field]
    if (own === undefined)
      throw new VitrineError(
        "config",
        `the run's model has ${field} ${JSON.stringify(value)}, but that of ${path} is a ${familyOf(isBiT(found))}`,
      )
    if (!free.includes(field) && JSON.stringify(value) !== JSON.stringify(own))
      throw new VitrineError(
        "config",
        `the run's model has ${field} ${JSON.stringify(value)}, but that of ${path} has ${JSON.stringify(own)}`,
      )
  }
}

function shapeOf(name: string, imageSize: readonly [number, number]): Partial<ModelConfig> {
  if (isBiTVariant(name)) {
    const { stemWidth, widths, depths } = bitVariant(name)
    return { stemWidth, widths, depths }
  }
  const { patchSize, stem, dim, depth, heads, mlpDim } = vitVariant(name, { imageSize })
  return { patchSize, stem, dim, depth, heads, mlpDim }
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
  const hidden = (each: ModelConfig): string => JSON.stringify(isBiT(each) ? null : each.preLogits)
  const newHead = !tells(model, classes) || hidden(from) !== hidden(config)
  const read = parameterReader(weights, sources)
  const initial: Record<string, Float32Array> = {}
  for (const name of sources.keys()) if (!(newHead && isHead(name))) initial[name] = await read(name)
  if (newHead)
    for (const { name, shape } of imageModel(config).parameters)
      if (isHead(name) && !name.startsWith("pre_logits."))
        initial[name] = new Float32Array(shape.reduce((n, dim) => n * dim, 1))
  return { initial: { ...initial, ...(await resizeWeights(from, config, read, positionMethod)) }, newHead }
}
