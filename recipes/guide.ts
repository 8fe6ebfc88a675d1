// The model of the web guide: so small that every matrix of it can be read.
// It has 16 patches, 17 tokens of width 48 and four blocks of three heads. Labels are smoothed so that its probabilities say
// more than yes and no. Small starting values and a strong decay leave only what was learned in filters and positions.
//
//     vitrine train --data shapes --recipe guide --out runs/guide
//
// Two cores: four minutes. Accuracy on held-out drawings: 99.1 %. `apps/web/public/model` holds its config.json and, in float16, its model.safetensors.
import { defineRecipe } from "vitrine"

export default defineRecipe({
  model: { patchSize: [8, 8], dim: 48, depth: 4, heads: 3, mlpDim: 192, dropout: 0.05 },
  init: "timm",
  steps: 3000,
  batchSize: 64,
  dropLast: true,
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 1,
  clip: 1,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  evaluateEvery: 500,
  best: "top1",
})
