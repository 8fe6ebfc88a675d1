// Fashion-MNIST in a minute: a ViT of 205,066 parameters, 4.9 epochs.
//
//     vitrine train --data fashion-mnist --recipe fashion-mnist-quick
//
// fashion-mnist is a folder with the four IDX files, plain or gzipped.
// Two cores: 1.5 minutes. Test accuracy: 88.34, 87.90 and 88.22 % with seeds 0, 1 and 2.
import { defineRecipe, flip } from "vitrine"

export default defineRecipe({
  model: { patchSize: [7, 7], dim: 64, depth: 4, heads: 2, mlpDim: 256, pool: "token" },
  init: "fan",
  steps: 4600,
  batchSize: 64,
  dropLast: true,
  augment: [flip()],
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
  best: "top1",
})
