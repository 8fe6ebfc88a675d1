import { VitrineError } from "@vitrine/core"
import type { Image } from "vitrine"
import type { DecodedImage } from "./images.ts"

/**
 * The model's results for the images of a batch.
 * @throws VitrineError that names the file of an image which the model cannot take
 */
export async function answersOf<T>(
  batch: readonly DecodedImage[],
  compute: (images: readonly Image[]) => Promise<T[]>,
): Promise<T[]> {
  try {
    return await compute(batch.map(({ image }) => image))
  } catch (error) {
    if (!VitrineError.isInstance(error)) throw error
    for (const { file, image } of batch)
      await compute([image]).catch((cause: unknown) => {
        throw VitrineError.isInstance(cause)
          ? new VitrineError(cause.kind, `${file}: ${cause.message}`, { cause })
          : cause
      })
    throw error
  }
}
