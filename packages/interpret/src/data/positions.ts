import { type HostTensor, VitrineError } from "@vitrine/core"
import { type Grid, prefixTokens } from "./grid.ts"
import { cosine, shapeOf, unit } from "./tensors.ts"

/** How similar the positions of patches are to each other. */
export interface PositionSimilarity {
  readonly grid: Grid
  /** Cosine similarities from −1 to 1, `[patches, patches]`. Row i compares patch i with all patches. */
  readonly values: Float32Array
}

/**
 * The similarity of position embeddings: ViT paper (Dosovitskiy et al., 2021), figure 7 centre.
 * @param positions `pos_embed`, `[1, tokens, dim]`; tokens before the patches do not count
 * @throws VitrineError (shape)
 */
export function positionSimilarity(positions: HostTensor, grid: Grid): PositionSimilarity {
  const [tables, tokens, dim] = shapeOf(positions, ["1", "tokens", "dim"], "pos_embed")
  if (tables !== 1) throw new VitrineError("shape", `pos_embed must be [1, tokens, dim], got ${tables} tables`)
  const prefix = prefixTokens(tokens, grid, "pos_embed")
  const rows = Array.from({ length: tokens - prefix }, (_, i) =>
    unit(positions.data.subarray((prefix + i) * dim, (prefix + i + 1) * dim)),
  )
  const values = new Float32Array(rows.length ** 2)
  for (const [i, a] of rows.entries())
    for (const [k, b] of rows.slice(0, i + 1).entries()) {
      const similarity = i === k ? 1 : cosine(a, b)
      values[i * rows.length + k] = similarity
      values[k * rows.length + i] = similarity
    }
  return { grid, values }
}
