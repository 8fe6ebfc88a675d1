/** Image classifiers of all families behind one configuration: Vision Transformers and BiT's ResNets. */
import { type ImageModel, type ViTConfig, VitrineError, vitConfig, vitModel } from "@vitrine/core"
import { type BiTConfig, bitConfig, bitModel } from "@vitrine/resnet"
import { configError, shown } from "./errors.ts"

/** What an image classifier is made from; the fields tell the family. */
export type ModelConfig = ViTConfig | BiTConfig

/** Whether the model is a ResNet of BiT's. */
export function isBiT(config: ModelConfig): config is BiTConfig {
  return "depths" in config
}

/**
 * The configuration of a Vision Transformer.
 * @param what needs it, as the error begins.
 * @throws VitrineError (config) for a model of another family.
 */
export function onlyViT(config: ModelConfig, what: string): ViTConfig {
  if (isBiT(config)) throw new VitrineError("config", `${what} is for Vision Transformers, and the model is a ResNet`)
  return config
}

/** The model of a configuration. */
export function imageModel(config: ModelConfig): ImageModel {
  return isBiT(config) ? bitModel(config) : vitModel(config)
}

/**
 * A checked configuration of the same family.
 * @param file names the file in errors.
 * @throws VitrineError (config) for a model that cannot exist.
 */
export function checkedModel<C extends ModelConfig>(file: string, config: C): C {
  return isBiT(config) ? (checkedBiT(file, config) as C) : (checked(file, config) as C)
}

/** `vitConfig` with the file in its errors, and no silent conversion of text into numbers. */
export function checked(file: string, fields: Partial<ViTConfig>): ViTConfig {
  for (const field of ["dropout", "attentionDropout", "stochasticDepth", "layerNormEpsilon"] as const)
    if (fields[field] !== undefined && typeof fields[field] !== "number")
      throw configError(file, `${field} must be a number, got ${shown(fields[field])}`)
  return inFile(file, () => vitConfig(fields))
}

/** `bitConfig` with the file in its errors. */
export function checkedBiT(file: string, fields: Partial<BiTConfig>): BiTConfig {
  return inFile(file, () => bitConfig(fields))
}

/** The channels in the middle of blocks, where they are not a quarter of the widths. */
export function unusual(widths: readonly number[], middles: readonly number[]): Pick<BiTConfig, "middles"> {
  return middles.every((middle, stage) => 4 * middle === widths[stage]) ? {} : { middles }
}

/** A width as timm and transformers round it: to a multiple of 8 that is no less than nine tenths of it. */
export function roundedWidth(width: number): number {
  const near = Math.max(8, Math.floor((width + 4) / 8) * 8)
  return near < 0.9 * width ? near + 8 : near
}

/** The channels in the middle of blocks as timm and transformers have them. */
export function roundedMiddles(widths: readonly number[]): Pick<BiTConfig, "middles"> {
  return unusual(
    widths,
    widths.map((width) => roundedWidth(width / 4)),
  )
}

function inFile<T>(file: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw VitrineError.isInstance(error) ? configError(file, error.message, error) : error
  }
}
