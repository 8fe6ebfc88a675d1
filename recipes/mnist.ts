// MNIST: a ViT of 205,066 parameters, 9.6 epochs with shifts by up to two pixels.
//
//     vitrine train --data mnist --recipe mnist
//
// mnist is a folder with the four IDX files, plain or gzipped.
// Two cores: 3 minutes. Test accuracy: 99.05 % with seed 0.
import { defineRecipe, padCrop } from "vitrine"

export default defineRecipe({
  model: { patchSize: [7, 7], dim: 64, depth: 4, heads: 2, mlpDim: 256, pool: "token" },
  init: "fan",
  steps: 9000,
  batchSize: 64,
  dropLast: true,
  augment: [padCrop(2)],
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
  best: "top1",
})
