// Rows of one to five handwritten digits into text: a Transformer of 291,712 parameters, 4,000 steps.
//
//     vitrine train --data mnist --recipe mnist-rows
//
// mnist is a folder with the four IDX files, plain or gzipped. Rows are made of its images at random distances, for training
// of the 60,000 images to train on, for validation of the 10,000 others. What the recipe leaves open is as `--task read`
// takes it: three layers that encode and two that decode, of width 64, on strips of four columns.
// Of 2,000 validation rows 96.10 % are read exactly with seed 0 and 95.50 % with seed 1, and 98.99 and 98.87 % of their
// characters; after 1,000, 2,000 and 3,000 steps 81.3, 91.1 and 95.3 % of rows (seed 0). Eight minutes on one of two busy cores.
import { defineReadingRecipe } from "vitrine"

export default defineReadingRecipe({
  task: "read",
  characters: [1, 5],
  model: {
    dim: 64,
    heads: 4,
    encoderDepth: 3,
    decoderDepth: 2,
    mlpDim: 256,
    activation: "gelu",
    normFirst: true,
    dropout: 0,
  },
  steps: 4000,
  batchSize: 64,
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
  evaluateEvery: 500,
})
