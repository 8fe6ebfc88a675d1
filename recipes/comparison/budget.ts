import { flip, padCrop, type Recipe } from "vitrine"

/**
 * What the runs on a data set share; only the model and its learning rate differ. Images are augmented as `fashion-mnist-quick`
 * and `cifar10` do.
 */
export const budget = (side: number): Recipe => ({
  steps: 2000,
  batchSize: 64,
  dropLast: true,
  augment: side < 32 ? [flip()] : [padCrop(4), flip()],
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
  evaluateEvery: 250,
  best: "top1",
})
