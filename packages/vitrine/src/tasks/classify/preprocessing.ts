import type { ModelConfig, Preprocessing } from "@vitrine/checkpoint"
import { centerCrop, cropModes, grayscale, normalize, resize, type Transform, toRgb } from "@vitrine/data"

/** The steps that make an input of any image, as timm's evaluation transforms or Hugging Face's processors do. */
export function evaluationTransforms(
  preprocessing: Preprocessing,
  { channels }: Pick<ModelConfig, "channels">,
): Transform[] {
  const { mean, std } = preprocessing
  return [channelsOf(channels), ...fit(preprocessing), normalize(mean, std)]
}

/** To the model's number of channels. */
export function channelsOf(channels: number): Transform {
  return channels === 1 ? grayscale() : toRgb()
}

/**
 * To the model's size, as timm's `crop_mode` or Hugging Face's processor says. An image of that size may stay as it is.
 */
export function fit({ size, interpolation, cropPct, cropMode, mean, resize: target }: Preprocessing): Transform[] {
  if (target !== undefined) {
    const crop = centerCrop(size, { rounding: "down" })
    return target === null ? [crop] : [resize(target, { interpolation }), crop]
  }
  const [height, width] = size
  const scaled = [Math.floor(height / cropPct), Math.floor(width / cropPct)] as const
  return cropModes[cropMode]({ size, scaled, interpolation, mean })
}
