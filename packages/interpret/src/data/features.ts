import { type HostTensor, VitrineError } from "@vitrine/core"
import { checkIndex, type Grid, type Place, patchIndex, prefixTokens } from "./grid.ts"
import { principalComponents } from "./pca.ts"
import { cosine, shapeOf, unit } from "./tensors.ts"

/** A patch of one of several images. */
export interface PatchOfImage extends Place {
  /** The index of the image over all batches, from 0. */
  readonly image: number
}

/** A patch and how similar it is to the one that was asked about. */
export interface Neighbor extends PatchOfImage {
  /** The cosine of the two patches' features, −1 to 1. */
  readonly similarity: number
}

/**
 * The patches whose features are most similar to those of one patch, most similar first: the correspondences of Amir et
 * al. (2021), "Deep ViT features as dense visual descriptors", figure 1.
 * @param features tokens of images, such as the tap `norm` or `blocks.I`, each `[batch, tokens, dim]`
 * @param options `count`: the number of patches, 8 by default; `otherImages`: whether to leave out patches of the same
 *   image
 * @throws VitrineError (shape, config)
 */
export function nearestPatches(
  features: readonly HostTensor[],
  grid: Grid,
  query: PatchOfImage,
  { count = 8, otherImages = false }: { readonly count?: number; readonly otherImages?: boolean } = {},
): Neighbor[] {
  const { data, images, dim } = patchFeatures(features, grid)
  checkIndex("image", query.image, images)
  const patches = grid.rows * grid.columns
  const row = (patch: number): Float64Array => unit(data.subarray(patch * dim, (patch + 1) * dim))
  const index = query.image * patches + patchIndex(grid, query)
  const vector = row(index)
  const neighbors: Neighbor[] = []
  for (let patch = 0; patch < images * patches; patch++) {
    const image = Math.floor(patch / patches)
    if (patch === index || (otherImages && image === query.image)) continue
    const place = { row: Math.floor((patch % patches) / grid.columns), column: patch % grid.columns }
    neighbors.push({ image, ...place, similarity: cosine(vector, row(patch)) })
  }
  return neighbors.sort((a, b) => b.similarity - a.similarity).slice(0, count)
}

/** The first three principal components of patch features as colours. */
export interface FeatureColors {
  readonly grid: Grid
  readonly images: number
  /** Red, green and blue from 0 to 1, `[images, rows, columns, 3]`. */
  readonly colors: Float32Array
  /** The share of the variance that each of the three components explains. */
  readonly explained: Float64Array
}

/**
 * The first three principal components of patch features as red, green and blue, computed over all images: DINOv2
 * (Oquab et al., 2023), figure 1, but with the background. The 1st and the 99th percentile of each component become 0
 * and 1.
 * @param features tokens of images, such as the tap `norm` or `blocks.I`, each `[batch, tokens, dim]`
 * @throws VitrineError (shape)
 */
export function featureColors(features: readonly HostTensor[], grid: Grid): FeatureColors {
  const { data, images } = patchFeatures(features, grid)
  const samples = images * grid.rows * grid.columns
  const { scores, explained } = principalComponents(data, samples, 3)
  const count = explained.length
  const colors = new Float32Array(samples * 3).fill(0.5)
  for (let k = 0; k < count; k++) {
    const component = scores.filter((_, at) => at % count === k)
    const sorted = component.toSorted()
    const [low = 0] = sorted.subarray(Math.floor(0.01 * (samples - 1)))
    const [high = 0] = sorted.subarray(Math.ceil(0.99 * (samples - 1)))
    if (high > low)
      for (const [i, score] of component.entries())
        colors[3 * i + k] = Math.min(1, Math.max(0, (score - low) / (high - low)))
  }
  return { grid, images, colors, explained }
}

/** The tokens of all patches of all images. */
interface PatchFeatures {
  /** `[images · patches, dim]` */
  readonly data: Float32Array
  readonly images: number
  readonly dim: number
}

function patchFeatures(features: readonly HostTensor[], grid: Grid): PatchFeatures {
  const batches = features.map((tensor) => {
    const [batch, tokens, dim] = shapeOf(tensor, ["batch", "tokens", "dim"], "features")
    return { batch, tokens, dim, data: tensor.data }
  })
  const [first] = batches
  if (first === undefined) throw new VitrineError("shape", "there are no features")
  const { tokens, dim } = first
  const mismatch = batches.find((batch) => batch.tokens !== tokens || batch.dim !== dim)
  if (mismatch !== undefined)
    throw new VitrineError(
      "shape",
      `features must all be [batch, ${tokens}, ${dim}], got [${mismatch.batch}, ${mismatch.tokens}, ${mismatch.dim}]`,
    )
  const prefix = prefixTokens(tokens, grid, "features")
  const images = batches.reduce((sum, { batch }) => sum + batch, 0)
  const length = (tokens - prefix) * dim
  const data = new Float32Array(images * length)
  let image = 0
  for (const { batch, data: rows } of batches)
    for (let b = 0; b < batch; b++, image++)
      data.set(rows.subarray((b * tokens + prefix) * dim, (b + 1) * tokens * dim), image * length)
  return { data, images, dim }
}
