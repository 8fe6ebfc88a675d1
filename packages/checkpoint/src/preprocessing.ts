import { type CropMode, cropModeNames, type Interpolation, interpolations } from "@vitrine/data"
import * as v from "valibot"
import { number, oneOf, perChannel, type Schema } from "./schema.ts"

/** The steps from an image file to the model's input. */
export interface Preprocessing {
  /** Height and width of the model's input, in pixels. */
  readonly size: readonly [height: number, width: number]
  readonly interpolation: Interpolation
  /** The share of the resized image's sides that the crop keeps. Before, the image is resized to `size / cropPct`. */
  readonly cropPct: number
  readonly cropMode: CropMode
  /**
   * Hugging Face's geometry. It replaces `cropPct` and `cropMode`. The image is resized to a length of its shorter
   * side, or to [height, width], or not at all (null). Then the centre is cropped. If the centre lies between two
   * pixels, the crop begins at the upper left one. timm's crop begins at the even one.
   */
  readonly resize?: number | readonly [height: number, width: number] | null
  /**
   * The size of the crop after `resize`. If it is larger than the input, the lower and right edges are dropped. Null means
   * that images must already have the input's size.
   */
  readonly crop?: readonly [height: number, width: number] | null
  /**
   * "float": images are resized as numbers, as transformers does for DINOv3. Absent: they are resized in whole bytes, as
   * by Pillow.
   */
  readonly resizePrecision?: "float"
  /** A value for each channel, for pixels in [0, 1]. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** The mean of ImageNet's training images, for pixels in [0, 1]. */
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
