import { resizeWeights } from "@vitrine/checkpoint"
import { type ViTConfig, vitConfig } from "@vitrine/core"
import type { Values } from "./values.ts"

/** Resizes a model's position embeddings, as timm does, for images with `side` patches down and across. */
export async function positionsAt(config: ViTConfig, positions: Float32Array, side: number): Promise<Values> {
  const { patchSize, dim } = config
  const target = vitConfig({ ...config, imageSize: [side * patchSize[0], side * patchSize[1]] })
  const resized = await resizeWeights(config, target, () => positions, "timm")
  return { data: resized.pos_embed ?? positions, shape: [1, side * side + (config.classToken ? 1 : 0), dim] }
}
