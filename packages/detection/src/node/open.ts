import { VitrineError } from "@vitrine/core"
import { cached, type PixelCache } from "@vitrine/data/internal/node"
import { type Dataset, openDataset } from "@vitrine/data/node"
import type { AnnotatedSource, DetectionDataset, DetectionSource } from "../data/dataset.ts"
import { openDetectionInMemory } from "../data/open.ts"

/** Opens a data set from a source, such as those of `resolveDetection`. */
export async function openDetection(source: DetectionSource): Promise<DetectionDataset> {
  return openCached(source, undefined)
}

/** Opens a data set, and keeps its decoded images in `cache`. */
export async function openCached(source: DetectionSource, cache: PixelCache | undefined): Promise<DetectionDataset> {
  const inMemory = openDetectionInMemory(source)
  if (inMemory !== undefined) return inMemory
  if (source.kind === "annotated") {
    const images = await openDataset(source.images)
    return annotatedDataset(source, cache === undefined ? images : cached(images, cache))
  }
  throw new VitrineError("config", `there is no data of kind ${JSON.stringify(source.kind)}`)
}

function annotatedDataset(source: AnnotatedSource, images: Dataset): DetectionDataset {
  const { name, classes, objects, sizes } = source
  return {
    name,
    classes,
    length: objects.length,
    source,
    describe: images.describe,
    objects: (index) => entryOf(objects, index, name),
    async read(index, admit) {
      const image = await images.read(index, admit)
      const [height, width] = entryOf(sizes, index, name)
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

function entryOf<T>(list: readonly T[], index: number, name: string): T {
  const entry = list[index]
  if (entry === undefined) throw new VitrineError("config", `${name}: there is no image ${index} of ${list.length}`)
  return entry
}
