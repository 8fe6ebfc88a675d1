import type { Preprocessing } from "@vitrine/checkpoint"
import { applyTransforms, type Image } from "@vitrine/data"
import { evaluationTransforms, type ImageInput, type Model } from "vitrine/web"
import { byteOf, rgbBytes } from "./pixels.ts"

/** RGB bytes of a picture. */
export interface PictureView {
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
}

/** The greatest side of a view. */
const mostPixels = 1024

/**
 * The part of a picture that the model receives, at the resolution of the picture: as the model's input would be if it had
 * a whole number of times as many pixels in each direction.
 */
export async function ownView(model: Model<ImageInput>, image: Image): Promise<PictureView> {
  const { preprocessing, config } = model
  const [height, width] = preprocessing.size
  const times = Math.floor(Math.min(image.width / width, image.height / height, mostPixels / Math.max(width, height)))
  const { data, channels, ...size } =
    times < 2 || preprocessing.resize === null || preprocessing.crop === null
      ? await model.view(image)
      : enlarged(image, evaluationTransforms(multiplied(preprocessing, times), config))
  return { pixels: rgbBytes({ data, channels, ...size }), width: size.width, height: size.height }
}

/** The preprocessing of a model whose input is so many times as large. */
function multiplied({ size, resize, crop, ...rest }: Preprocessing, times: number): Preprocessing {
  const pair = ([height, width]: readonly [number, number]): readonly [number, number] => [
    height * times,
    width * times,
  ]
  return {
    ...rest,
    size: pair(size),
    ...(resize != null && { resize: typeof resize === "number" ? resize * times : pair(resize) }),
    ...(crop != null && { crop: pair(crop) }),
  }
}

function enlarged(image: Image, transforms: ReturnType<typeof evaluationTransforms>): Image {
  // The last transform normalises.
  const { data, shape } = applyTransforms(image, transforms.slice(0, -1))
  const [height, width, channels] = shape
  const pixels = Uint8Array.from(data, byteOf)
  return { width, height, channels: channels === 1 ? 1 : 3, data: pixels }
}
