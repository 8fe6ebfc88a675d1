import { type HostTensor, VitrineError } from "@vitrine/core"
import { type Grid, prefixTokens } from "./grid.ts"
import { cosine, shapeOf } from "./tensors.ts"

export interface PositionSimilarity {
  readonly grid: Grid
  /** Cosine similarities from −1 to 1, `[patches, patches]`: row i compares patch i with all. */
  readonly values: Float32Array
}

/**
 * The similarity of position embeddings: ViT paper (Dosovitskiy et al., 2021), figure 7 centre.
 * @param positions `pos_embed`, `[1, tokens, dim]`; rows before those of the patches are left out
 * @throws VitrineError (shape)
 */
export function positionSimilarity(positions: HostTensor, grid: Grid): PositionSimilarity {
  const [tables, tokens, dim] = shapeOf(positions, ["1", "tokens", "dim"], "pos_embed") as [number, number, number]
  if (tables !== 1) throw new VitrineError("shape", `pos_embed must be [1, tokens, dim], got ${tables} tables`)
  const prefix = prefixTokens(tokens, grid, "pos_embed")
  const patches = tokens - prefix
  const rows = positions.data.subarray(prefix * dim)
  const values = new Float32Array(patches * patches)
  for (let i = 0; i < patches; i++)
    for (let k = 0; k <= i; k++) {
      const similarity = i === k ? 1 : cosine(rows, i, rows, k, dim)
      values[i * patches + k] = similarity
      values[k * patches + i] = similarity
    }
  return { grid, values }
}
