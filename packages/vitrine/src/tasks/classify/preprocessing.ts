import type { ModelConfig, Preprocessing } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { centerCrop, cropModes, grayscale, normalize, resize, type Transform, toRgb } from "@vitrine/data"

/** The steps that make an input of any image, as timm's evaluation transforms or Hugging Face's processors do. */
export function evaluationTransforms(
  preprocessing: Preprocessing,
  { channels }: Pick<ModelConfig, "channels">,
): Transform[] {
  const { mean, std } = preprocessing
  const convert = channelsOf(channels)
  return [convert, ...fit(preprocessing), normalize(mean, std)]
}

/**
 * To the model's number of channels.
 * @throws VitrineError (config) for other than 1 or 3.
 */
export function channelsOf(channels: number): Transform {
  if (channels !== 1 && channels !== 3)
    throw new VitrineError(
      "config",
      `the model takes ${channels} channels, but image files are read as grey (1 channel) or in colours (3): export it to ONNX and give it arrays`,
    )
  return channels === 1 ? grayscale() : toRgb()
}

/**
 * To the model's size, as timm's `crop_mode` or Hugging Face's processor says. An image of that size may stay as it is.
 */
export function fit(preprocessing: Preprocessing): Transform[] {
  const { size, interpolation, cropPct, cropMode, mean, resize: target, crop = size } = preprocessing
  if (crop === null) return [centerCrop(size, { place: "whole" })]
  if (target !== undefined) {
    const resized = target === null ? [] : [resize(target, { interpolation })]
    const part = crop.join() === size.join() ? [] : [centerCrop(size, { place: "corner" })]
    return [...resized, centerCrop(crop, { rounding: "down" }), ...part]
  }
  const [height, width] = size
  const scaled = [Math.floor(height / cropPct), Math.floor(width / cropPct)] as const
  return cropModes[cropMode]({ size, scaled, interpolation, mean })
}
