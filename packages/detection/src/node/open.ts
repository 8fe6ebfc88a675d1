import { VitrineError } from "@vitrine/core"
import { cached, type PixelCache } from "@vitrine/data/internal/node"
import { type Dataset, openDataset } from "@vitrine/data/node"
import {
  type AnnotatedSource,
  type DetectionDataset,
  type DetectionSource,
  openDetectionInMemory,
} from "../data/dataset.ts"
import type { Objects } from "../data/objects.ts"

/** Opens a data set from a source, such as `resolveDetection` finds. */
export async function openDetection(source: DetectionSource): Promise<DetectionDataset> {
  return openCached(source, undefined)
}

/** The same, with decoded images kept in `cache`. */
export async function openCached(source: DetectionSource, cache: PixelCache | undefined): Promise<DetectionDataset> {
  const inMemory = openDetectionInMemory(source)
  if (inMemory !== undefined) return inMemory
  if (source.kind === "annotated") {
    const images = await openDataset(source.images)
    return annotated(source, cache === undefined ? images : cached(images, cache))
  }
  throw new VitrineError("config", `there is no data of kind ${JSON.stringify((source as { kind: unknown }).kind)}`)
}

function annotated(source: AnnotatedSource, images: Dataset): DetectionDataset {
  const { name, classes, objects, sizes } = source
  return {
    name,
    classes,
    length: objects.length,
    source,
    describe: images.describe,
    objects: (index) => objects[index] as Objects,
    async read(index) {
      const image = await images.read(index)
      const [height, width] = sizes[index] as readonly [number, number]
      if (image.height !== height || image.width !== width)
        throw new VitrineError(
          "file",
          `${images.describe(index)}: is ${image.width}×${image.height}, its annotations are for ${width}×${height}`,
        )
      return image
    },
    ...(images.close === undefined ? {} : { close: images.close }),
  }
}
