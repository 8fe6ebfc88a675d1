// Pre-training as in the paper (Dosovitskiy et al., 2021, section 4.1 and appendix B.1).
// Adam with decoupled decay of the weights, batches of 4,096, a line up for 10,000 steps and a line down, dropout, a hidden
// layer with tanh before the logits.
//
//     vitrine train --data imagenet21k --recipe pretrain-paper --model B/16
//
// Table 3 gives 90 epochs at 1e-3 on ImageNet-21k, and 300 at 3e-3 with cosine decay on ImageNet.
import { defineRecipe, flip, randomResizedCrop } from "vitrine"

export default defineRecipe({
  model: { variant: "B/16", preLogits: { dim: 768, activation: "tanh" }, dropout: 0.1 },
  init: "paper",
  epochs: 90,
  batchSize: 64,
  dropLast: true,
  accumulate: 64,
  augment: [randomResizedCrop(224, { scale: [0.05, 1], interpolation: "bilinear" }), flip()],
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.999] },
  learningRate: 1e-3,
  schedule: { decay: "linear", warmup: 10_000, final: 0 },
  weightDecay: 0.1,
  clip: 1,
  mean: [0.5],
  std: [0.5],
})
