import { flip, padCrop } from "@vitrine/data"
import type { DataFacts, ModelFields, Recipe } from "./recipe-type.ts"

/** Fewer training images than these are few. */
const few = 5000

/** Images up to this side keep their size, nearly; larger ones are resized to 224. */
export const smallSide = 96

/** The least and the most tokens of the default models of small images. */
const [fewestTokens, mostTokens] = [49, 256]

/** The stem of the default model of few images. It sees edges before there is anything to learn attention from. */
const stem = { width: 16, depths: [1], groups: 4, numerics: "timm" } as const

const stemStride = 4

/**
 * Defaults for few small images, by which a recipe without a model of its own is completed: a small hybrid with average pooling,
 * shifted and mirrored images, CutMix and smoothed labels. `bench/few-images.py` compares it with classifiers on pixels.
 */
export function fewImagesRecipe(recipe: Recipe, data: DataFacts): Recipe {
  if (!isFew(recipe, data)) return recipe
  return {
    model: hybridOf(data.imageSize),
    augment: [padCrop(Math.max(1, Math.round(Math.min(...data.imageSize) / 8))), flip()],
    mix: { cutmix: 1 },
    labelSmoothing: 0.1,
    optimizer: { name: "adamw", betas: [0.9, 0.95] },
    learningRate: 2e-3,
    ...recipe,
  }
}

function isFew({ model, task = "classify", distillation }: Recipe, data: DataFacts): boolean {
  const isPlain = model === undefined && task === "classify" && distillation === undefined
  return isPlain && Math.max(...data.imageSize) <= smallSide && data.examples < few
}

/** The least steps of a run whose recipe gives neither steps nor epochs: ten passes over few images teach nothing. */
export function leastSteps(recipe: Recipe, data: DataFacts): number {
  return isFew(recipe, data) ? 1500 : 100
}

/** A small hybrid. Images of few pixels get no stem, which would leave too few tokens. */
function hybridOf(imageSize: readonly [number, number]): ModelFields {
  const size = { dim: 64, depth: 4, heads: 2, mlpDim: 256, pool: "average" } as const
  const [height, width] = imageSize
  const places = Math.ceil(height / stemStride) * Math.ceil(width / stemStride)
  if (places < fewestTokens) return { ...size, ...patches(imageSize) }
  if (places <= mostTokens) return { ...size, stem, patchSize: [1, 1], imageSize }
  const rounded = (side: number): number => 2 * stemStride * Math.round(side / (2 * stemStride))
  return { ...size, stem, patchSize: [2, 2], imageSize: [rounded(height), rounded(width)] }
}

/**
 * Patches of 4, 8, … pixels, or of fewer where images are tiny, and the nearest image size that they divide, so that there are
 * about 49 to 256 tokens.
 */
export function patches(imageSize: readonly [number, number]): {
  readonly patchSize: readonly [number, number]
  readonly imageSize: readonly [number, number]
} {
  const [height, width] = imageSize
  const counts = (patch: number): readonly [number, number] => [
    Math.max(1, Math.round(height / patch)),
    Math.max(1, Math.round(width / patch)),
  ]
  const tokens = (patch: number): number => counts(patch).reduce((a, b) => a * b)
  let patch = 4
  while (patch > 1 && tokens(patch) < fewestTokens) patch--
  while (tokens(patch) > mostTokens) patch += patch < 4 ? 1 : 4
  const [rows, columns] = counts(patch)
  return { patchSize: [patch, patch], imageSize: [rows * patch, columns * patch] }
}
