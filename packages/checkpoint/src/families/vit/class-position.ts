import { patchGrid, type ViTConfig } from "@vitrine/core"
import { partOf, type ShapedSource, sum } from "../../sources.ts"

/**
 * The class token, or the positions of the patches, from DINOv2's tensors. The first row of its table of positions
 * belongs to the class token, and is added to the token here. The other rows belong to the patches.
 */
export function classPosition(
  parameter: "cls_token" | "pos_embed",
  config: ViTConfig,
  token: string,
  table: string,
): ShapedSource {
  const { dim } = config
  const [rows, columns] = patchGrid(config)
  const tableShape = [1, 1 + rows * columns, dim]
  if (parameter === "pos_embed")
    return { from: [table], shapes: [tableShape], make: ([values]) => partOf(values).subarray(dim) }
  return {
    from: [token, table],
    shapes: [[1, 1, dim], tableShape],
    make: ([values, positions]) => sum(partOf(values), partOf(positions)),
  }
}
