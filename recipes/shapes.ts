// The built-in drawings: ten shapes in any size, place, turn and colour.
//
//     vitrine train --data shapes --recipe shapes
import { defineRecipe } from "vitrine"

export default defineRecipe({
  model: { patchSize: [4, 4], dim: 64, depth: 4, heads: 2, mlpDim: 256, pool: "average" },
  init: "fan",
  steps: 2400,
  batchSize: 64,
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
  evaluateEvery: 400,
})
