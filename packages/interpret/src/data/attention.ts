import { type HostTensor, VitrineError } from "@vitrine/core"
import { type Grid, type PatchMap, type Place, patchIndex, prefixTokens } from "./grid.ts"
import { shapeOf } from "./tensors.ts"

/** Who looks: the class token, all patches taken together (their mean, as an average-pooling model reads), or one patch. */
export type Query = "class" | "mean" | Place

export interface AttentionMap extends PatchMap {
  /** What falls on the tokens before the patches; with `values` it sums to 1. */
  readonly prefix: Float32Array
}

export interface AttentionMapOptions {
  readonly grid: Grid
  /** By default the class token, and in models without tokens before the patches the mean. */
  readonly query?: Query | undefined
  /** Which image of the batch, 0 by default. */
  readonly image?: number | undefined
}

/**
 * Where one head of one block looks, or all of them on average: DINO (Caron et al., 2021), figure 1 and 3.
 * @param weights the tap `blocks.I.attn.weights`, `[batch, heads, tokens, tokens]`
 * @throws VitrineError (shape or config)
 */
export function attentionMap(
  weights: HostTensor,
  { grid, query, image = 0, head = "mean" }: AttentionMapOptions & { readonly head?: number | "mean" | undefined },
): AttentionMap {
  const { data, heads, tokens, prefix, start } = attention(weights, grid, image)
  if (head !== "mean" && !(Number.isInteger(head) && head >= 0 && head < heads))
    throw new VitrineError("config", `no head ${head}: there are ${heads}, from 0`)
  const from = queryRow(query, grid, prefix)
  const some = head === "mean" ? Array.from({ length: heads }, (_, h) => h) : [head]
  const row = new Float64Array(tokens)
  for (const h of some)
    for (let i = 0; i < tokens; i++) {
      const share = (from[i] as number) / some.length
      if (share === 0) continue
      const at = start + (h * tokens + i) * tokens
      for (let k = 0; k < tokens; k++) row[k] = (row[k] as number) + share * (data[at + k] as number)
    }
  return asMap(row, prefix, grid)
}

/**
 * Where one query of a decoder looks in the image: an object query of a detector, as DETR's paper (Carion et al., 2020) draws
 * it in figure 6, or a character of a reader; by one head of one layer, or all of them on average.
 * @param weights the tap `decoder.layers.I.multihead_attn.weights`, a detector's with `transformer.` before it,
 *   `[batch, heads, queries, places]`
 * @param options `query`: its number, as `Found.queries` has it; `grid`: rows and columns of the places; `within`: those, at the
 *   upper left, that are no padding, if not all are
 * @throws VitrineError (shape or config)
 */
export function queryAttention(
  weights: HostTensor,
  options: {
    readonly grid: Grid
    readonly query: number
    readonly within?: Grid | undefined
    readonly image?: number | undefined
    readonly head?: number | "mean" | undefined
  },
): PatchMap {
  const { grid, query, within: part = grid, image = 0, head = "mean" } = options
  const dims = ["batch", "heads", "queries", "places"]
  const [batch, heads, queries, places] = shapeOf(weights, dims, "attention") as [number, number, number, number]
  if (places !== grid.rows * grid.columns)
    throw new VitrineError("shape", `attention: ${places} places are no grid of ${grid.rows}×${grid.columns}`)
  const within = (what: string, index: number, count: number): void => {
    if (!(Number.isInteger(index) && index >= 0 && index < count))
      throw new VitrineError("config", `no ${what} ${index}: there are ${count}, from 0`)
  }
  within("image", image, batch)
  within("query", query, queries)
  if (head !== "mean") within("head", head, heads)
  const some = head === "mean" ? Array.from({ length: heads }, (_, h) => h) : [head]
  within("row", part.rows - 1, grid.rows)
  within("column", part.columns - 1, grid.columns)
  const values = new Float32Array(part.rows * part.columns)
  for (const h of some) {
    const at = ((image * heads + h) * queries + query) * places
    for (let k = 0; k < values.length; k++) {
      const place = Math.floor(k / part.columns) * grid.columns + (k % part.columns)
      values[k] = (values[k] as number) + (weights.data[at + place] as number) / some.length
    }
  }
  return { grid: part, values }
}

/**
 * Attention rollout (Abnar & Zuidema, 2020), as the ViT paper (Dosovitskiy et al., 2021) draws it in figures 6 and 14:
 * in each block the mean of the heads, plus the identity for the residual, rows normed to 1; multiplied through all
 * blocks. Only the row of the query is computed.
 * @param weights the taps `blocks.0.attn.weights` to the last, each `[batch, heads, tokens, tokens]`
 * @throws VitrineError (shape or config)
 */
export function attentionRollout(weights: readonly HostTensor[], options: AttentionMapOptions): AttentionMap {
  const { grid, query, image = 0 } = options
  const blocks = weights.map((block) => attention(block, grid, image))
  const first = blocks[0]
  if (first === undefined) throw new VitrineError("shape", "rollout needs the attention of one block or more")
  const { tokens, prefix } = first
  if (blocks.some((block) => block.tokens !== tokens))
    throw new VitrineError("shape", "rollout needs the same number of tokens in all blocks")
  let row = queryRow(query, grid, prefix)
  for (const { data, heads, start } of blocks.reverse()) {
    const next = new Float64Array(tokens)
    for (let i = 0; i < tokens; i++) {
      const share = row[i] as number
      if (share === 0) continue
      const mixed = new Float64Array(tokens)
      mixed[i] = 1
      for (let h = 0; h < heads; h++) {
        const at = start + (h * tokens + i) * tokens
        for (let k = 0; k < tokens; k++) mixed[k] = (mixed[k] as number) + (data[at + k] as number) / heads
      }
      const total = mixed.reduce((a, b) => a + b, 0)
      for (let k = 0; k < tokens; k++) next[k] = (next[k] as number) + (share * (mixed[k] as number)) / total
    }
    row = next
  }
  return asMap(row, prefix, grid)
}

/**
 * The mean attention distance of each head, in pixels: ViT paper (Dosovitskiy et al., 2021), figures 7 right and 11. For
 * each patch, the distances between its centre and all patches' centres are averaged by its attention; then over
 * patches and images. What falls on tokens without a place is left out, and the rest counted as the whole.
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
  const patches = tokens - prefix
  const distances = patchDistances(grid, patchSize)
  const { data } = weights
  return Float64Array.from({ length: heads }, (_, head) => {
    let sum = 0
    for (let image = 0; image < batch; image++)
      for (let i = 0; i < patches; i++) {
        const row = ((image * heads + head) * tokens + prefix + i) * tokens + prefix
        let weighted = 0
        let total = 0
        for (let k = 0; k < patches; k++) {
          const weight = data[row + k] as number
          weighted += weight * (distances[i * patches + k] as number)
          total += weight
        }
        if (total > 0) sum += weighted / total
      }
    return sum / (batch * patches)
  })
}

/** Between the centres of patches, `[patches, patches]`, in pixels. */
function patchDistances({ rows, columns }: Grid, [height, width]: readonly [number, number]): Float64Array {
  const patches = rows * columns
  return Float64Array.from({ length: patches * patches }, (_, at) => {
    const [i, k] = [Math.floor(at / patches), at % patches]
    const down = Math.floor(i / columns) - Math.floor(k / columns)
    return Math.hypot(height * down, width * ((i % columns) - (k % columns)))
  })
}

interface Attention {
  readonly data: HostTensor["data"]
  readonly heads: number
  readonly tokens: number
  readonly prefix: number
  /** Where the image's first head begins. */
  readonly start: number
}

function attention(weights: HostTensor, grid: Grid, image: number): Attention {
  const [batch, heads, tokens] = attentionShape(weights)
  if (!(Number.isInteger(image) && image >= 0 && image < batch))
    throw new VitrineError("config", `no image ${image}: the batch has ${batch}, from 0`)
  const prefix = prefixTokens(tokens, grid, "attention")
  return { data: weights.data, heads, tokens, prefix, start: image * heads * tokens * tokens }
}

function attentionShape(weights: HostTensor): readonly [batch: number, heads: number, tokens: number] {
  const dims = ["batch", "heads", "tokens", "tokens"]
  const [batch, heads, tokens, keys] = shapeOf(weights, dims, "attention") as [number, number, number, number]
  if (tokens !== keys)
    throw new VitrineError("shape", `attention must be [${dims.join(", ")}], got [${weights.shape.join(", ")}]`)
  return [batch, heads, tokens]
}

/** How much of each token the query is, `[tokens]`, summing to 1. */
function queryRow(query: Query | undefined, grid: Grid, prefix: number): Float64Array {
  const patches = grid.rows * grid.columns
  const row = new Float64Array(prefix + patches)
  const wanted = query ?? (prefix > 0 ? "class" : "mean")
  if (wanted === "mean") row.fill(1 / patches, prefix)
  else if (wanted !== "class") row[prefix + patchIndex(grid, wanted)] = 1
  else if (prefix > 0) row[0] = 1
  else throw new VitrineError("config", `the model has no class token; ask for the "mean" or a patch`)
  return row
}

function asMap(row: Float64Array, prefix: number, grid: Grid): AttentionMap {
  return { grid, values: Float32Array.from(row.subarray(prefix)), prefix: Float32Array.from(row.subarray(0, prefix)) }
}
