import type { ModelConfig, Preprocessing } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { centerCrop, cropModes, grayscale, normalize, resize, type Transform, toRgb } from "@vitrine/data"

/**
 * The transforms from any image to the model's input. They are those of timm's evaluation or of Hugging Face's
 * processors.
 */
export function evaluationTransforms(
  preprocessing: Preprocessing,
  { channels }: Pick<ModelConfig, "channels">,
): Transform[] {
  const { mean, std } = preprocessing
  const convert = channelsOf(channels)
  return [convert, ...fit(preprocessing), normalize(mean, std)]
}

/**
 * A transform to the model's number of channels.
 * @throws VitrineError (config) for a number other than 1 or 3
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
 * Transforms to the model's size, by timm's `crop_mode` or by Hugging Face's processor. An image that has this size may
 * stay as it is.
 */
export function fit(preprocessing: Preprocessing): Transform[] {
  const {
    size,
    interpolation,
    cropPct,
    cropMode,
    mean,
    resize: target,
    crop = size,
    resizePrecision: precision,
  } = preprocessing
  if (crop === null) return [centerCrop(size, { place: "whole" })]
  if (target !== undefined) {
    const resized = target === null ? [] : [resize(target, { interpolation, ...(precision && { precision }) })]
    const part = crop.join() === size.join() ? [] : [centerCrop(size, { place: "corner" })]
    return [...resized, centerCrop(crop, { rounding: precision === "float" ? "zero" : "down" }), ...part]
  }
  const [height, width] = size
  const scaled = [Math.floor(height / cropPct), Math.floor(width / cropPct)] as const
  return cropModes[cropMode]({ size, scaled, interpolation, mean })
}
