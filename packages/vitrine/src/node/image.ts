import type { Image } from "@vitrine/data"
import type { Admit } from "@vitrine/data/internal"
import { decodeAdmitted } from "@vitrine/data/internal/node"

/** A path, the bytes of a file, or pixels. */
export type ImageInput = string | Uint8Array | Image

/**
 * Decodes an image when `admit` allows it.
 * @throws VitrineError (file) for a file that cannot be read or is no image
 */
export async function decode(image: ImageInput, admit?: Admit): Promise<Image> {
  if (typeof image === "string") return decodeAdmitted(image, image, admit)
  return image instanceof Uint8Array ? decodeAdmitted(image, "image", admit) : image
}
