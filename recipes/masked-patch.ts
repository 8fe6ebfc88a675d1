// Learning without labels, as the paper tries it (Dosovitskiy et al., 2021, section 4.6 and appendix B.1.2).
// Half of the patches are corrupted. The model predicts their mean colours of 3 bits a channel.
//
//     vitrine train --data fashion-mnist --recipe masked-patch --out runs/masked
//     vitrine train --data fashion-mnist --from runs/masked --recipe few-shot --per-class 10
//
// The paper pre-trains a B/16 for a million steps of 4,096 images by Adam at 2e-4, warm-up 10,000, cosine decay. This is the
// size of fashion-mnist-quick.
import { defineRecipe, flip } from "vitrine"

export default defineRecipe({
  task: "masked-patch",
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
