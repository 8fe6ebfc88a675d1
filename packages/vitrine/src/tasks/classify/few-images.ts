import { flip, padCrop, randomResizedCrop, type Transform } from "@vitrine/data"
import { learnsClasses, learnsSeveralLabels } from "./objectives.ts"
import type { DataFacts, ModelFields, Recipe } from "./recipe-type.ts"

/** Fewer training images than these are few. */
const few = 5000

/** Images up to this side keep their size, nearly. Larger ones are resized. */
export const smallSide = 96

/** The least and the most tokens of the default models of small images. */
const [fewestTokens, mostTokens] = [49, 256]

/**
 * The stem of the default model of few images: the first convolution of a ResNet, which sees edges and colours before there is
 * anything to learn attention from. timm has it as that of `vit_tiny_r_s16_p8_224`.
 */
const stem = { width: 64, depths: [], groups: 32, numerics: "timm" } as const

const stemStride = 4

/** Few larger images are resized to this side. With 224 pixels a step takes seconds, and a thousand steps too long. */
const photoSide = 96

/**
 * Defaults for few images, by which a recipe without a model of its own is completed: a small hybrid with average
 * pooling, moved and mirrored images, CutMix and smoothed labels. `bench/few-images.py` compares it with classifiers on pixels.
 */
export function fewImagesRecipe(recipe: Recipe, data: DataFacts): Recipe {
  if (!isFew(recipe, data)) return recipe
  const { task = "classify" } = recipe
  return {
    model: { dim: 64, depth: 4, heads: 2, mlpDim: 256, pool: "average", ...gridOf(data) },
    augment: augmentOf(data),
    ...(!learnsSeveralLabels(task) && { mix: { cutmix: 1 }, labelSmoothing: 0.1 }),
    optimizer: { name: "adamw", betas: [0.9, 0.95] },
    learningRate: 2e-3,
    ...recipe,
  }
}

/** Fewer validation images than these do not tell which of a run's checkpoints is the best. */
const fewestValidation = 100

/**
 * The default of `best` for few images: with few validation images the last checkpoint, which is better than the luckiest. Undefined
 * leaves the choice to other defaults.
 * @param starts whether the run starts from a trained model
 */
export function fewImagesBest(
  recipe: Recipe,
  data: DataFacts,
  validation: number,
  starts: boolean,
): "last" | undefined {
  const { model: _, ...learned } = recipe
  return isFew(starts ? learned : recipe, data) && validation < fewestValidation ? "last" : undefined
}

function isFew({ model, task = "classify", distillation }: Recipe, data: DataFacts): boolean {
  return model === undefined && learnsClasses(task) && distillation === undefined && data.examples < few
}

const isSmall = ({ imageSize }: DataFacts): boolean => Math.max(...imageSize) <= smallSide

/** The places of the stem, two by two where there are many. Images of few pixels get no stem, which would leave too few tokens. */
function gridOf(data: DataFacts): ModelFields {
  const imageSize = isSmall(data) ? data.imageSize : ([photoSide, photoSide] as const)
  const [height, width] = imageSize
  const places = Math.ceil(height / stemStride) * Math.ceil(width / stemStride)
  if (places < fewestTokens) return patches(imageSize)
  if (places <= mostTokens) return { stem, patchSize: [1, 1], imageSize }
  const rounded = (side: number): number => 2 * stemStride * Math.round(side / (2 * stemStride))
  return { stem, patchSize: [2, 2], imageSize: [rounded(height), rounded(width)] }
}

/** Small images are moved by up to an eighth of a side. Photos have room for crops of many sizes. */
function augmentOf(data: DataFacts): Transform[] {
  if (!isSmall(data)) return [randomResizedCrop(photoSide, { scale: [0.35, 1] }), flip()]
  return [padCrop(Math.max(1, Math.round(Math.min(...data.imageSize) / 8))), flip()]
}

/** The least steps of a run whose recipe gives neither steps nor epochs: ten passes over few images teach nothing. */
export function leastSteps(recipe: Recipe, data: DataFacts): number {
  return isFew(recipe, data) ? 1500 : 100
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
