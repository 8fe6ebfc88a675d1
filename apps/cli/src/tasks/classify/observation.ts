import { basename } from "node:path"
import type { HostTensor } from "@vitrine/core"
import {
  attentionDistance,
  type AttentionMap,
  attentionMap,
  type AttentionPicture,
  attentionRollout,
  type Grid,
  type Query,
} from "@vitrine/interpret"
import type { Image, ImageInput, Model } from "vitrine"
import { entryOf, type FiguresOptions, mostImages } from "../../show/figures.ts"
import { percent, printable } from "../../show/text.ts"

/** An image as the model gets it. */
interface Picture extends AttentionPicture {
  /** The name of the image's file. */
  readonly name: string
}

/** The features of images at each place. */
export interface FeatureObservation {
  readonly grid: Grid
  readonly pictures: readonly Picture[]
  /** The features of each picture, `[1, tokens, dim]`. */
  readonly features: readonly HostTensor[]
}

/** The attention of a model to images, and their features. */
export interface AttentionObservation extends FeatureObservation {
  readonly pictures: readonly (Picture & PictureAttention)[]
  /** The mean attention distances in pixels, `[depth][heads]`, over all images. */
  readonly distances: readonly Float64Array[]
  readonly query: Query
}

export interface PictureAttention {
  /** `[depth][heads]` */
  readonly heads: readonly (readonly AttentionMap[])[]
  /** The mean of the heads, `[depth]`. */
  readonly mean: readonly AttentionMap[]
  readonly rollout: AttentionMap
}

/** The sizes that are needed to interpret attention. */
export interface AttentionLayout {
  readonly grid: Grid
  /** Height and width of a patch in pixels. */
  readonly patchSize: readonly [number, number]
  readonly depth: number
  readonly heads: number
}

type ClassifierOptions = Pick<FiguresOptions, "images" | "status"> & { readonly model: Model<ImageInput> }

/** The features that the head averages. The tap `norm` of such a model is `[1, rows, columns, dim]`. */
export async function observeFeatures({ model, images, status }: ClassifierOptions): Promise<FeatureObservation> {
  const pictures: Picture[] = []
  const features: HostTensor[] = []
  let grid: Grid = { rows: 1, columns: 1 }
  for (const { file, image } of images.slice(0, mostImages)) {
    status.update(`looking at ${printable(basename(file))}`)
    const { data, shape } = entryOf(await model.inspect(image, ["norm"]), "norm")
    const [batch = 1, rows = 1, columns = 1, dim = 1] = shape
    grid = { rows, columns }
    features.push({ data, shape: [batch, rows * columns, dim] })
    pictures.push(await pictureOf(model, file, image))
  }
  return { grid, pictures, features }
}

/**
 * The attention of all blocks to all images. Maps are kept for the first 12 images.
 * @param block the block whose features are kept; the last by default
 */
export async function observeAttention(
  { model, images, status }: ClassifierOptions,
  { grid, patchSize, depth, heads }: AttentionLayout,
  query: Query,
  block = depth - 1,
): Promise<AttentionObservation> {
  const taps = Array.from({ length: depth }, (_, i) => `blocks.${i}.attn.weights`)
  const distances = taps.map(() => new Float64Array(heads))
  const pictures: (Picture & PictureAttention)[] = []
  const features: HostTensor[] = []
  for (const [i, { file, image }] of images.entries()) {
    status.update(`looking at ${printable(basename(file))} (${i + 1} of ${images.length})`)
    const values = await model.inspect(image, [...taps, `blocks.${block}`])
    const weights = taps.map((name) => entryOf(values, name))
    for (const [b, sums] of distances.entries())
      for (const tensor of weights.slice(b, b + 1))
        for (const [head, pixels] of attentionDistance(tensor, { grid, patchSize }).entries())
          sums.set([(sums[head] ?? 0) + pixels / images.length], head)
    if (pictures.length === mostImages) continue
    features.push(entryOf(values, `blocks.${block}`))
    pictures.push({
      ...(await pictureOf(model, file, image)),
      heads: weights.map((tensor) =>
        Array.from({ length: heads }, (_, head) => attentionMap(tensor, { grid, head, query })),
      ),
      mean: weights.map((tensor) => attentionMap(tensor, { grid, query })),
      rollout: attentionRollout(weights, { grid, query }),
    })
  }
  return { grid, pictures, distances, features, query }
}

/** An image as the model gets it. The caption has the name of its file and the predicted class. */
async function pictureOf(model: Model<ImageInput>, file: string, image: Image): Promise<Picture> {
  const [best] = model.config.classes > 0 ? await model.predict(image, { top: 1 }) : []
  const name = basename(file)
  const caption = best === undefined ? name : `${name} · ${best.label} (${percent(best.probability, 0)})`
  return { image: await model.view(image), name, caption }
}
