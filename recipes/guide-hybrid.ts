// The hybrid of the web guide: a Vision Transformer behind the first layers of a ResNet.
// These see the drawing, and their 8 × 8 places of 64 features are cut into 16 patches for a Vision Transformer of two blocks.
// All else is as in `guide`.
//
//     vitrine train --data shapes --recipe guide-hybrid --out runs/guide-hybrid
//
// `apps/web/public/model/hybrid` holds its config.json and, in float16, its model.safetensors.
import { defineRecipe } from "vitrine"

export default defineRecipe({
  model: {
    stem: { width: 16, depths: [1], groups: 4, numerics: "timm" },
    patchSize: [2, 2],
    dim: 48,
    depth: 2,
    heads: 3,
    mlpDim: 192,
  },
  init: "timm",
  steps: 1500,
  batchSize: 64,
  dropLast: true,
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.1,
  clip: 1,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  evaluateEvery: 500,
  best: "top1",
})
