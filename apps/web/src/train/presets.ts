import { flip, type ModelFields, padCrop, type Recipe } from "vitrine/web"

export const sizes = ["small", "medium", "tiny"] as const

export type Size = (typeof sizes)[number]

export const resolutions = [32, 48, 64, 96, 128] as const

/**
 * A model for square pictures with this side. The small one cuts small pictures into 16 patches. Otherwise there are
 * 64.
 */
export function modelOf(size: Size, side: number): ModelFields {
  const patch = size === "small" && side <= 48 ? side / 4 : side / 8
  const square = { imageSize: [side, side], patchSize: [patch, patch] } as const
  switch (size) {
    case "small":
      return { ...square, dim: 64, depth: 4, heads: 2, mlpDim: 256, pool: "average" }
    case "medium":
      return { ...square, dim: 128, depth: 6, heads: 4, mlpDim: 512, pool: "average" }
    case "tiny":
      return { ...square, dim: 192, depth: 12, heads: 3, mlpDim: 768 }
  }
}

export interface Choice {
  readonly steps: number
  readonly batchSize: number
  readonly learningRate: number
  readonly augment: boolean
}

export function recipeOf(
  model: ModelFields,
  { steps, batchSize, learningRate, augment }: Choice,
  side: number,
): Recipe {
  return {
    model,
    steps,
    batchSize,
    learningRate,
    optimizer: { name: "adamw", betas: [0.9, 0.95] },
    schedule: { decay: "cosine", warmup: 0.1, final: 0 },
    weightDecay: 0.05,
    clip: 1,
    evaluateEvery: Math.max(25, Math.round(steps / 4 / 25) * 25),
    augment: augment ? [padCrop(Math.max(1, Math.round(side / 16))), flip()] : [],
  }
}
