import { type ModelDescription, resizeWeights } from "@vitrine/checkpoint"
import type { ModelFolder } from "@vitrine/checkpoint/node"
import { type ViTConfig, VitrineError, variant } from "@vitrine/core"
import type { DataFacts, Recipe } from "../recipe.ts"
import { parameterReader, positionMethod } from "./load.ts"

/** Fields of a model that can change between two runs. */
const free: readonly string[] = ["imageSize", "classes", "dropout", "attentionDropout", "stochasticDepth"]

/**
 * A recipe that goes on from a model: what it leaves open of the model and of its input is as the model has it.
 * @param path names the model in errors.
 * @throws VitrineError (config) for a recipe of another model.
 */
export function recipeFrom(recipe: Recipe, { config, preprocessing }: ModelDescription, path: string): Recipe {
  const { model = {} } = recipe
  const { variant: name, ...given } = typeof model === "string" ? { variant: model } : model
  const asked = { ...(name === undefined ? {} : shapeOf(name, given.imageSize ?? config.imageSize)), ...given }
  checkSame(asked, config, path)
  const { classes: _, ...kept } = config
  const { interpolation, cropPct, cropMode, mean, std } = preprocessing
  return { interpolation, cropPct, cropMode, mean, std, ...recipe, model: { ...kept, ...asked } }
}

function checkSame(asked: Partial<ViTConfig>, found: ViTConfig, path: string): void {
  for (const [field, value] of Object.entries(asked)) {
    const own = found[field as keyof ViTConfig]
    if (!free.includes(field) && JSON.stringify(value) !== JSON.stringify(own))
      throw new VitrineError(
        "config",
        `the run's model has ${field} ${JSON.stringify(value)}, but that of ${path} has ${JSON.stringify(own)}`,
      )
  }
}

function shapeOf(name: string, imageSize: readonly [number, number]): Partial<ViTConfig> {
  const { patchSize, dim, depth, heads, mlpDim } = variant(name, { imageSize })
  return { patchSize, dim, depth, heads, mlpDim }
}

/** The facts of data as the model sees them: it gets grey images in colour, and coloured ones in grey. */
export function factsFor(facts: DataFacts, { channels }: ViTConfig): DataFacts {
  return channels === 1 || channels === 3 ? { ...facts, channels } : facts
}

export interface Start {
  /** Values for a model's parameters, by name. */
  readonly initial: Record<string, Float32Array>
  /** The head is not among them, for it has other classes. */
  readonly newHead: boolean
}

/**
 * What a model of `config` starts from: the weights of a folder, their positions resized, without a head of another
 * number of classes.
 * @throws VitrineError (config) for a folder of another model.
 */
export async function startFrom(folder: ModelFolder, config: ViTConfig): Promise<Start> {
  const { config: from, sources, json, path } = folder
  checkSame(config, from, path)
  const newHead = from.classes !== config.classes
  const read = parameterReader(folder)
  const initial: Record<string, Float32Array> = {}
  for (const name of sources.keys()) if (!(newHead && name.startsWith("head."))) initial[name] = await read(name)
  return { initial: { ...initial, ...(await resizeWeights(from, config, read, positionMethod(json))) }, newHead }
}
