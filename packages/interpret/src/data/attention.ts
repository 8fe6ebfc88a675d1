import { type HostTensor, VitrineError } from "@vitrine/core"
import { checkIndex, type Grid, isIndex, type PatchMap, type Place, patchIndex, prefixTokens } from "./grid.ts"
import { addScaled, dot, shapeOf, sum } from "./tensors.ts"

/**
 * The token that attends: the class token, one patch, or the mean over all patches, which an average-pooling model
 * uses.
 */
export type Query = "class" | "mean" | Place

/** The attention from one query to the patches of an image. */
export interface AttentionMap extends PatchMap {
  /** The attention to each token before the patches. Together with `values` it sums to 1. */
  readonly prefix: Float32Array
}

/** Who looks, in which image. */
export interface AttentionMapOptions {
  readonly grid: Grid
  /** The class token by default, or `"mean"` in models without tokens before the patches. */
  readonly query?: Query | undefined
  /** The index of the image in the batch, 0 by default. */
  readonly image?: number | undefined
}

/** The index of a head, or the mean of all heads. */
type Head = number | "mean"

/**
 * The attention map of one head of a block, or of the mean of the block's heads: DINO (Caron et al., 2021), figures 1
 * and 3.
 * @param weights the tap `blocks.I.attn.weights`, `[batch, heads, tokens, tokens]`
 * @throws VitrineError (shape, config)
 */
export function attentionMap(
  weights: HostTensor,
  { grid, query, image = 0, head = "mean" }: AttentionMapOptions & { readonly head?: Head | undefined },
): AttentionMap {
  const { heads, tokens, prefix, row } = attention(weights, grid, image)
  const headIndices = headsOf(head, heads)
  const values = new Float64Array(tokens)
  for (const [token, share] of queryShares(query, grid, prefix).entries())
    if (share !== 0) for (const h of headIndices) addScaled(values, row(h, token), share / headIndices.length)
  return asMap(values, prefix, grid)
}

/**
 * The attention of one query of a decoder to the places of an image, by one head of a layer or by the mean of its
 * heads. The query is an object query of a detector (DETR, Carion et al., 2020, figure 6) or a character of a reader.
 * @param weights a tap `[batch, heads, queries, places]`: `transformer.decoder.layers.I.multihead_attn.weights` of a
 *   detector, or `decoder.layers.I.multihead_attn.weights` of a reader
 * @param options `query`: the index of the query, as in `QueryDetections.queries`; `grid`: the rows and columns of all
 *   places; `within`: the rows and columns, from the top left, that hold the image, where the other places are padding
 * @throws VitrineError (shape, config)
 */
export function queryAttention(
  weights: HostTensor,
  options: {
    readonly grid: Grid
    readonly query: number
    readonly within?: Grid | undefined
    readonly image?: number | undefined
    readonly head?: Head | undefined
  },
): PatchMap {
  const { grid, query, within = grid, image = 0, head = "mean" } = options
  const [batch, heads, queries, places] = shapeOf(weights, ["batch", "heads", "queries", "places"], "attention")
  if (places !== grid.rows * grid.columns)
    throw new VitrineError("shape", `attention: ${places} places are no grid of ${grid.rows}×${grid.columns}`)
  checkIndex("image", image, batch)
  checkIndex("query", query, queries)
  checkIndex("row", within.rows - 1, grid.rows)
  checkIndex("column", within.columns - 1, grid.columns)
  const headIndices = headsOf(head, heads)
  const values = new Float64Array(places)
  for (const h of headIndices) {
    const at = ((image * heads + h) * queries + query) * places
    addScaled(values, weights.data.subarray(at, at + places), 1 / headIndices.length)
  }
  const inside = (_: number, place: number): boolean =>
    place < within.rows * grid.columns && place % grid.columns < within.columns
  return { grid: within, values: Float32Array.from(values.filter(inside)) }
}

/**
 * Attention rollout (Abnar & Zuidema, 2020), as in the ViT paper (Dosovitskiy et al., 2021), figures 6 and 14. Each
 * block becomes a matrix: the mean of its heads plus the identity, which stands for the residual, with rows that sum to
 * 1. The rollout is the product of these matrices. Only the row of the query is computed.
 * @param weights the taps `blocks.0.attn.weights` to the last block's, each `[batch, heads, tokens, tokens]`
 * @throws VitrineError (shape, config)
 */
export function attentionRollout(weights: readonly HostTensor[], options: AttentionMapOptions): AttentionMap {
  const { grid, query, image = 0 } = options
  const blocks = weights.map((block) => attention(block, grid, image))
  const [first] = blocks
  if (first === undefined) throw new VitrineError("shape", "rollout needs the attention of one block or more")
  const { tokens, prefix } = first
  if (blocks.some((block) => block.tokens !== tokens))
    throw new VitrineError("shape", "rollout needs the same number of tokens in all blocks")
  let shares = queryShares(query, grid, prefix)
  for (const { heads, row } of blocks.reverse()) {
    const next = new Float64Array(tokens)
    for (const [token, share] of shares.entries()) {
      if (share === 0) continue
      const mixed = new Float64Array(tokens)
      mixed[token] = 1
      for (let head = 0; head < heads; head++) addScaled(mixed, row(head, token), 1 / heads)
      addScaled(next, mixed, share / sum(mixed))
    }
    shares = next
  }
  return asMap(shares, prefix, grid)
}

/**
 * The mean attention distance of each head, in pixels: ViT paper (Dosovitskiy et al., 2021), figures 7 right and 11.
 * The distances between the centres of two patches are averaged, weighted by the attention of one patch to the other,
 * and then averaged over patches and images. Attention to tokens before the patches does not count.
 * @param weights the tap `blocks.I.attn.weights`, `[batch, heads, tokens, tokens]`
 * @param patchSize height and width of a patch in pixels
 * @returns `[heads]`
 * @throws VitrineError (shape)
 */
export function attentionDistance(
  weights: HostTensor,
  { grid, patchSize }: { readonly grid: Grid; readonly patchSize: readonly [height: number, width: number] },
): Float64Array {
  const [batch, heads, tokens] = attentionShape(weights)
  const prefix = prefixTokens(tokens, grid, "attention")
  const distances = patchDistances(grid, patchSize)
  return Float64Array.from({ length: heads }, (_, head) => {
    let distance = 0
    for (let image = 0; image < batch; image++)
      for (const [patch, row] of distances.entries()) {
        const at = ((image * heads + head) * tokens + prefix + patch) * tokens
        const toPatches = weights.data.subarray(at + prefix, at + tokens)
        const total = sum(toPatches)
        if (total > 0) distance += dot(toPatches, row) / total
      }
    return distance / (batch * distances.length)
  })
}

/** Distances from the centre of each patch to the centres of all, `[patches][patches]`, in pixels. */
function patchDistances({ rows, columns }: Grid, [height, width]: readonly [number, number]): Float64Array[] {
  const length = rows * columns
  return Array.from({ length }, (_, i) =>
    Float64Array.from({ length }, (_, k) => {
      const down = Math.floor(i / columns) - Math.floor(k / columns)
      return Math.hypot(height * down, width * ((i % columns) - (k % columns)))
    }),
  )
}

/** The attention of one image. */
interface Attention {
  readonly heads: number
  readonly tokens: number
  readonly prefix: number
  /** The attention of a head from one token to all tokens. */
  readonly row: (head: number, token: number) => HostTensor["data"]
}

function attention({ data, shape }: HostTensor, grid: Grid, image: number): Attention {
  const [batch, heads, tokens] = attentionShape({ data, shape })
  if (!isIndex(image, batch)) throw new VitrineError("config", `no image ${image}: the batch has ${batch}, from 0`)
  const row = (head: number, token: number): HostTensor["data"] => {
    const at = ((image * heads + head) * tokens + token) * tokens
    return data.subarray(at, at + tokens)
  }
  return { heads, tokens, prefix: prefixTokens(tokens, grid, "attention"), row }
}

function attentionShape(weights: HostTensor): readonly [batch: number, heads: number, tokens: number] {
  const dims = ["batch", "heads", "tokens", "tokens"] as const
  const [batch, heads, tokens, keys] = shapeOf(weights, dims, "attention")
  if (tokens !== keys)
    throw new VitrineError("shape", `attention must be [${dims.join(", ")}], got [${weights.shape.join(", ")}]`)
  return [batch, heads, tokens]
}

/** The indices of the heads that are averaged. */
function headsOf(head: Head, count: number): number[] {
  if (head === "mean") return Array.from({ length: count }, (_, h) => h)
  checkIndex("head", head, count)
  return [head]
}

/** The weight of each token in the query, `[tokens]`. The weights sum to 1. */
function queryShares(query: Query | undefined, grid: Grid, prefix: number): Float64Array {
  const patches = grid.rows * grid.columns
  const shares = new Float64Array(prefix + patches)
  const attender = query ?? (prefix > 0 ? "class" : "mean")
  if (attender === "mean") return shares.fill(1 / patches, prefix)
  if (attender === "class" && prefix === 0)
    throw new VitrineError("config", `the model has no class token; ask for the "mean" or a patch`)
  shares[attender === "class" ? 0 : prefix + patchIndex(grid, attender)] = 1
  return shares
}

function asMap(row: Float64Array, prefix: number, grid: Grid): AttentionMap {
  return { grid, values: Float32Array.from(row.subarray(prefix)), prefix: Float32Array.from(row.subarray(0, prefix)) }
}
