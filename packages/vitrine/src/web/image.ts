import type { Image } from "@vitrine/data"
import { decodeImage, decodeLimits, type ImageSource } from "@vitrine/data/web"
import { fetchBytes } from "./files.ts"

/** A file or its bytes, an element, a bitmap, pixels, or an address. */
export type ImageInput = ImageSource | Image | string | URL

/** @throws VitrineError (file) for an image that cannot be fetched or decoded */
export async function decode(image: ImageInput): Promise<Image> {
  if (typeof image === "string" || image instanceof URL)
    return decodeImage(await fetchBytes(image, decodeLimits.fileBytes), String(image).slice(0, 200))
  return isPixels(image) ? image : decodeImage(image)
}

const isPixels = (image: ImageSource | Image): image is Image => "channels" in image
