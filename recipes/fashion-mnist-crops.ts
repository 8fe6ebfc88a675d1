// Fashion-MNIST's quick recipe with shifted images: what it learns of some classes is of more use for others.
//
//     vitrine train --data fashion-mnist --recipe fashion-mnist-crops --classes 0,1,2,3,5,7,8 --steps 2500
//
// docs/transfer.md tells what comes of it. Two cores: 50 seconds.
import { defineRecipe, flip, padCrop } from "vitrine"

export default defineRecipe({
  model: { patchSize: [7, 7], dim: 64, depth: 4, heads: 2, mlpDim: 256, pool: "token" },
  init: "fan",
  steps: 4600,
  batchSize: 64,
  dropLast: true,
  augment: [padCrop(2), flip()],
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
  best: "top1",
})
