import type { Image } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"

/** A path, the bytes of a file, or pixels. */
export type ImageInput = string | Uint8Array | Image

/** @throws VitrineError (file) for a file that cannot be read or is no image */
export async function decode(image: ImageInput): Promise<Image> {
  return typeof image === "string" || image instanceof Uint8Array ? decodeImage(image) : image
}
