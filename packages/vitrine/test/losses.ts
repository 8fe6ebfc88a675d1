import { type Dataset, flip, padCrop, shapes } from "@vitrine/data"
import type { TrainEvent } from "@vitrine/trainer"
import type { Recipe } from "../src/tasks/classify/recipe-type.ts"

/** A short run on drawings that has a bit of everything. */
export const recipe: Recipe = {
  model: { patchSize: [8, 8], dim: 32, depth: 2, heads: 2, mlpDim: 64, dropout: 0.1 },
  steps: 5,
  batchSize: 16,
  learningRate: 3e-3,
  schedule: { decay: "cosine", warmup: 0.2, final: 0 },
  augment: [padCrop(2), flip()],
  labelSmoothing: 0.1,
  mix: { mixup: 0.2, cutmix: 1 },
  ema: 0.9,
}

export const data: { readonly train: Dataset; readonly validation: Dataset } = {
  train: shapes({ split: "train", size: 128, seed: 4 }),
  validation: shapes({ split: "val", size: 40, seed: 4 }),
}

/** The losses with seed 4, in float64. */
export const expectedLosses: readonly number[] = [
  2.302585175019238, 2.302050351956922, 2.2897311446555895, 2.3140898570868575, 2.291724800631462,
]

export async function losses(
  events: AsyncIterable<TrainEvent<object> | { readonly type: "setup" }>,
): Promise<number[]> {
  const all: number[] = []
  for await (const event of events) if (event.type === "step") all.push(event.loss)
  return all
}

/** The greatest difference, relative to what float32 may differ by: `max(2e-5, 1e-5 · max|expected|)`. */
export function float32Error(actual: ArrayLike<number>, expected: readonly number[]): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  const most = Math.max(2e-5, 1e-5 * Math.max(...expected.map(Math.abs)))
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number)))) / most
}
