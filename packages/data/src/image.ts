import { VitrineError } from "@vitrine/core"

/** Pixels as bytes, row by row, the channels of a pixel side by side. */
export interface Image {
  readonly width: number
  readonly height: number
  /** Grey, RGB, or RGB with alpha that is not premultiplied. */
  readonly channels: 1 | 3 | 4
  /** [height, width, channels], 0 … 255. */
  readonly data: Uint8Array
}

/** An image whose values are no whole bytes. */
export interface FloatImage extends Omit<Image, "data"> {
  /** [height, width, channels], mostly 0 … 255. */
  readonly data: Float32Array
}

/** An image of zeros. */
export function blank(width: number, height: number, channels: 1 | 3 | 4): Image {
  return { width, height, channels, data: new Uint8Array(width * height * channels) }
}

/** @throws VitrineError (shape) if the sizes and the data of an image disagree */
export function checkImage(image: Image): void {
  const { width, height, channels, data } = image
  const sizes = [width, height].every((n) => Number.isSafeInteger(n) && n > 0)
  if (!sizes || ![1, 3, 4].includes(channels) || data.length !== width * height * channels)
    throw new VitrineError(
      "shape",
      `an image of ${width}×${height} with ${channels} channels cannot hold ${data.length} bytes`,
    )
}
