// CIFAR-10: a compact hybrid of 586,946 parameters, 40 epochs. Its features tell photographs of other classes apart too.
// Two stages of a ResNet behind a 3×3 convolution make 8 × 8 tokens of 32² pixels, and three blocks follow.
//
//     vitrine train --data cifar10 --recipe cifar10-hybrid --val-fraction 0.1
//
// cifar10 is a folder, or an archive of one, with train/<class>/ and test/<class>/. One core: two hours and a half.
import { defineRecipe, flip, padCrop } from "vitrine"

export default defineRecipe({
  model: {
    stem: { root: "3x3", width: 24, depths: [2, 3], groups: 8, numerics: "timm" },
    patchSize: [1, 1],
    dim: 128,
    depth: 3,
    heads: 4,
    mlpDim: 256,
    pool: "average",
  },
  init: "fan",
  epochs: 40,
  batchSize: 128,
  dropLast: true,
  augment: [padCrop(4), flip()],
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.98] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.05, final: 0 },
  weightDecay: 0.06,
  clip: 1,
  best: "top1",
})
