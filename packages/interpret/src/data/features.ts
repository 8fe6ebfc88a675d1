import { type HostTensor, VitrineError } from "@vitrine/core"
import { type Grid, type Place, patchIndex, prefixTokens } from "./grid.ts"
import { principalComponents } from "./pca.ts"
import { cosine, shapeOf } from "./tensors.ts"

export interface PatchOfImage extends Place {
  /** Which image, from 0, over all batches. */
  readonly image: number
}

export interface Neighbor extends PatchOfImage {
  /** Cosine, −1 to 1. */
  readonly similarity: number
}

/**
 * The patches whose features are most like those of one patch, the most alike first: what DINO (Amir et al., 2021,
 * "Deep ViT features as dense visual descriptors", figure 1) calls correspondences.
 * @param features tokens of images, such as the tap `norm` or `blocks.I`, each `[batch, tokens, dim]`
 * @param options `count` patches, 8 by default; `otherImages` leaves out those of the patch's own image
 * @throws VitrineError (shape or config)
 */
export function nearestPatches(
  features: readonly HostTensor[],
  grid: Grid,
  query: PatchOfImage,
  { count = 8, otherImages = false }: { readonly count?: number; readonly otherImages?: boolean } = {},
): Neighbor[] {
  const { data, images, dim } = patchFeatures(features, grid)
  if (!(Number.isInteger(query.image) && query.image >= 0 && query.image < images))
    throw new VitrineError("config", `no image ${query.image}: there are ${images}, from 0`)
  const patches = grid.rows * grid.columns
  const own = query.image * patches + patchIndex(grid, query)
  const found: Neighbor[] = []
  for (let at = 0; at < images * patches; at++) {
    const image = Math.floor(at / patches)
    if (at === own || (otherImages && image === query.image)) continue
    const [row, column] = [Math.floor((at % patches) / grid.columns), at % grid.columns]
    found.push({ image, row, column, similarity: cosine(data, own, data, at, dim) })
  }
  return found.sort((a, b) => b.similarity - a.similarity).slice(0, count)
}

export interface FeatureColors {
  readonly grid: Grid
  readonly images: number
  /** Red, green and blue from 0 to 1, `[images, rows, columns, 3]`. */
  readonly colors: Float32Array
  /** The share of the variance that each of the three components explains. */
  readonly explained: Float64Array
}

/**
 * The first three principal components of patch features as red, green and blue, shared by all images: DINOv2 (Oquab et
 * al., 2023), figure 1, without its cut of the background. Each component is spread so that all but the outermost 1 % of
 * the patches at either end fit in 0 … 1.
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
    const sorted = Float64Array.from({ length: samples }, (_, i) => scores[i * count + k] as number).sort()
    const low = sorted[Math.floor(0.01 * (samples - 1))] as number
    const high = sorted[Math.ceil(0.99 * (samples - 1))] as number
    for (let i = 0; i < samples; i++) {
      const x = ((scores[i * count + k] as number) - low) / (high - low)
      if (high > low) colors[3 * i + k] = Math.min(1, Math.max(0, x))
    }
  }
  return { grid, images, colors, explained }
}

/** The tokens of all patches of all images, `[images · patches, dim]`. */
function patchFeatures(
  features: readonly HostTensor[],
  grid: Grid,
): { readonly data: Float32Array; readonly images: number; readonly dim: number } {
  if (features.length === 0) throw new VitrineError("shape", "there are no features")
  const shapes = features.map((t) => shapeOf(t, ["batch", "tokens", "dim"], "features") as [number, number, number])
  const [, tokens, dim] = shapes[0] as [number, number, number]
  const other = shapes.find(([, t, d]) => t !== tokens || d !== dim)
  if (other !== undefined)
    throw new VitrineError("shape", `features must all be [batch, ${tokens}, ${dim}], got [${other.join(", ")}]`)
  const prefix = prefixTokens(tokens, grid, "features")
  const images = shapes.reduce((sum, [batch]) => sum + batch, 0)
  const length = (tokens - prefix) * dim
  const data = new Float32Array(images * length)
  let image = 0
  for (const [i, { data: rows }] of features.entries())
    for (let b = 0; b < (shapes[i] as [number, number, number])[0]; b++, image++)
      data.set(rows.subarray((b * tokens + prefix) * dim, (b + 1) * tokens * dim), image * length)
  return { data, images, dim }
}
