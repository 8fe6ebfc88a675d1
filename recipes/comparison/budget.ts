import { flip, padCrop, type Recipe } from "vitrine"

/** What the three runs of the comparison share; only the model and its learning rate differ. */
export const budget: Recipe = {
  steps: 2000,
  batchSize: 64,
  augment: [padCrop(4), flip()],
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
}
