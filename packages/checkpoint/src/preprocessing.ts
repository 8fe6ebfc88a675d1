import { type CropMode, cropModeNames, type Interpolation, interpolations } from "@vitrine/data"
import * as v from "valibot"
import { number, oneOf, perChannel, type Schema } from "./schema.ts"

/** What stands between an image file and the model's input. */
export interface Preprocessing {
  /** Height and width of the images that the model is given, in pixels. */
  readonly size: readonly [height: number, width: number]
  readonly interpolation: Interpolation
  /** Share of the resized image's side that the crop keeps: the image is resized to `size / cropPct` first. */
  readonly cropPct: number
  readonly cropMode: CropMode
  /**
   * Hugging Face's own geometry, which then stands for `cropPct` and `cropMode`: the image is resized so that its
   * shorter side has a length, or to exactly [height, width], or not at all (null); the middle is cut out, and where
   * that lies between two pixels the upper and left one begins it. timm's takes the even one.
   */
  readonly resize?: number | readonly [height: number, width: number] | null
  /** A value a channel, of pixels in [0, 1]. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** The values of ImageNet's training images, of pixels in [0, 1]. */
export const imageNetMean: readonly number[] = [0.485, 0.456, 0.406]
export const imageNetStd: readonly number[] = [0.229, 0.224, 0.225]

export const interpolation: Schema<Preprocessing["interpolation"]> = oneOf(interpolations)
export const cropMode: Schema<Preprocessing["cropMode"]> = oneOf(cropModeNames)

const share = "from 0.1 to 1"
export const cropPct: Schema<number> = v.pipe(number, v.minValue(0.1, share), v.maxValue(1, share))

export function standardDeviations(channels: number): Schema<readonly number[]> {
  return v.pipe(
    perChannel(channels),
    v.check((values) => values.every((value) => value > 0), "above 0"),
  )
}
