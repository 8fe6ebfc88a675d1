// A few images of each class: fine-tuning in 100 full-batch steps, or from scratch with --lr 2e-3 --steps 200.
//
//     vitrine train --data fashion-mnist --from runs/seven --recipe few-shot --classes 4,6,9 --per-class 10
//
// The experiment is told in docs/transfer.md.
import { defineRecipe, padCrop } from "vitrine"

export default defineRecipe({
  init: "fan",
  steps: 100,
  batchSize: 50,
  dropLast: false,
  augment: [padCrop(2)],
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 1e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
  evaluateEvery: 100,
})
