import type { Preprocessing } from "@vitrine/checkpoint"
import type { ViTConfig } from "@vitrine/core"
import { centerCrop, grayscale, normalize, resize, type Transform, toRgb } from "@vitrine/data"

/** The steps that make an input of any image, as timm's evaluation transforms or Hugging Face's processors do. */
export function evaluationTransforms(preprocessing: Preprocessing, { channels }: ViTConfig): Transform[] {
  const { mean, std } = preprocessing
  return [channelsOf(channels), ...fit(preprocessing), normalize(mean, std)]
}

/** To the model's number of channels. */
export function channelsOf(channels: number): Transform {
  return channels === 1 ? grayscale() : toRgb()
}

/** To the model's size; nothing changes in an image that has it already. */
export function fit({ size, interpolation, cropPct, cropMode, resize: target }: Preprocessing): Transform[] {
  if (target !== undefined) {
    const crop = centerCrop(size, { rounding: "down" })
    return target === null ? [crop] : [resize(target, { interpolation }), crop]
  }
  const [height, width] = size.map((side) => Math.floor(side / cropPct)) as [number, number]
  const scaled = cropMode === "squash" || height !== width ? ([height, width] as const) : height
  return [resize(scaled, { interpolation }), centerCrop(size)]
}
