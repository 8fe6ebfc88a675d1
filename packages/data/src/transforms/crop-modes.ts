import { rowNames } from "@vitrine/core"
import type { Interpolation } from "../resize/coefficients.ts"
import { roundHalfEven } from "./geometry.ts"
import { centerCrop, resize, type Size, type Transform } from "./transforms.ts"

/** The options for giving an image of any shape the shape `size`. */
interface Fit {
  readonly size: Size
  /** `size` divided by the share of the image that the crop keeps. */
  readonly scaled: Size
  readonly interpolation: Interpolation
  /** A value in [0, 1] for each channel, for places outside the image. */
  readonly mean: readonly number[]
}

/**
 * The ways to give images a model's shape, by timm's names. To add one, add a row. Types, checks and the command's
 * `--crop-mode` follow from this table.
 */
export const cropModes = {
  /** Resizes the shorter side, and crops the centre. */
  center: ({ size, scaled: [height, width], interpolation }: Fit): Transform[] => [
    height === width ? resize(height, { interpolation }) : resize([height, width], { interpolation, fit: "cover" }),
    centerCrop(size),
  ],
  /** Resizes both sides, whatever their ratio. */
  squash: ({ size, scaled, interpolation }: Fit): Transform[] => [resize(scaled, { interpolation }), centerCrop(size)],
  /** Resizes the longer side, and pads the image with the mean. */
  border: ({ size, scaled, interpolation, mean }: Fit): Transform[] => {
    const fill = mean.map((value) => Math.min(Math.max(roundHalfEven(255 * value), 0), 255))
    return [resize(scaled, { interpolation, fit: "contain" }), centerCrop(size, { fill })]
  },
}

/** The names of the crop modes. */
export type CropMode = keyof typeof cropModes

/** How an image of another shape gets the model's shape, by timm's names. */
export const cropModeNames: readonly CropMode[] = rowNames(cropModes)
