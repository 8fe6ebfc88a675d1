import {
  applyOverrides,
  type ModelDescription,
  type OpenModel,
  type Overrides,
  parameterReader,
  resizeWeights,
} from "@vitrine/checkpoint"

/** A classifier with its weights in memory, under timm's names. */
export interface WholeModel extends ModelDescription {
  readonly weights: Readonly<Record<string, Float32Array>>
}

/**
 * Reads the weights of an open classifier, and applies overrides.
 * @param name the model's name in errors
 * @throws VitrineError (file, config)
 */
export async function wholeModel(model: OpenModel, overrides: Overrides, name: string): Promise<WholeModel> {
  const description = applyOverrides(model, overrides, name)
  const read = parameterReader(model.weights, model.sources)
  const weights: Record<string, Float32Array> = {}
  for (const parameter of model.sources.keys()) weights[parameter] = await read(parameter)
  const resized = await resizeWeights(model.config, description.config, read, model.positionMethod)
  return { ...description, weights: { ...weights, ...resized } }
}
