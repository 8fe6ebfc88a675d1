// Rows of one to five handwritten digits into text: a Transformer of 291,712 parameters, 3,000 steps.
//
//     vitrine train --data mnist --recipe mnist-rows
//
// mnist is a folder with the four IDX files, plain or gzipped. Rows are made of its images at random distances, for training
// of the 60,000 images to train on, for validation of the 10,000 others. What the recipe leaves open is as `--task read`
// takes it: three layers that encode and two that decode, of width 64, on strips of four columns.
// Five minutes of one core. Of 2,000 validation rows 95.40 % are read exactly with seed 0, and 98.43 % of their characters;
// 85.2, 89.7, 92.5 and 93.9 % of rows after 1,000, 1,500, 2,000 and 2,500 steps.
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
  steps: 3000,
  batchSize: 64,
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.95] },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  clip: 1,
  evaluateEvery: 500,
})
