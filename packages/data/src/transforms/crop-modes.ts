import { rowNames } from "@vitrine/core"
import type { Interpolation } from "../resize/coefficients.ts"
import { roundHalfEven } from "./geometry.ts"
import { centerCrop, resize, type Size, type Transform } from "./transforms.ts"

/** How an image of any shape becomes one of `size`. */
interface Fit {
  readonly size: Size
  /** `size` divided by the share of the image that the crop keeps. */
  readonly scaled: Size
  readonly interpolation: Interpolation
  /** A value in [0, 1] a channel, for places outside of the image. */
  readonly mean: readonly number[]
}

/**
 * How images of another shape become a model's, by timm's names. A row is all that a new way needs: types, checks and the
 * command's `--crop-mode` follow from this table.
 */
export const cropModes = {
  /** The shorter side is resized, and the middle cut out. */
  center: ({ size, scaled: [height, width], interpolation }: Fit): Transform[] => [
    height === width ? resize(height, { interpolation }) : resize([height, width], { interpolation, fit: "cover" }),
    centerCrop(size),
  ],
  /** Both sides are resized, whatever their ratio. */
  squash: ({ size, scaled, interpolation }: Fit): Transform[] => [resize(scaled, { interpolation }), centerCrop(size)],
  /** The longer side is resized, and the rest padded with the mean. */
  border: ({ size, scaled, interpolation, mean }: Fit): Transform[] => {
    const fill = mean.map((value) => Math.min(Math.max(roundHalfEven(255 * value), 0), 255))
    return [resize(scaled, { interpolation, fit: "contain" }), centerCrop(size, { fill })]
  },
}

export type CropMode = keyof typeof cropModes

export const cropModeNames: readonly CropMode[] = rowNames(cropModes)
