// The CIFAR-10 experiment of labml.ai's annotated ViT: its model, optimizer and augmentation.
// https://nn.labml.ai/transformers/vit/experiment.html
//
//     vitrine train --data cifar10 --recipe labml-cifar10
//
// cifar10 is a folder, or an archive of one, with train/<class>/ and test/<class>/.
// 20,045,322 parameters: labml's table of 5,000 positions, of which 65 are used, makes them 22,572,042. Otherwise than
// there, weights start by our "fan", for positions and class token that start as labml's do gain nothing.
import { defineRecipe, flip, padCrop } from "vitrine"

export default defineRecipe({
  model: {
    patchSize: [4, 4],
    dim: 512,
    depth: 6,
    heads: 8,
    mlpDim: 2048,
    activation: "relu",
    preLogits: { dim: 2048, activation: "relu" },
    dropout: 0.1,
    attentionDropout: 0.1,
    layerNormEpsilon: 1e-5,
  },
  epochs: 32,
  batchSize: 64,
  dropLast: true,
  augment: [padCrop(4), flip()],
  optimizer: { name: "adam", betas: [0.9, 0.999] },
  learningRate: 2.5e-4,
  schedule: { decay: "constant", warmup: 0, final: 0 },
  weightDecay: 0,
  clip: null,
  mean: [0.5],
  std: [0.5],
  best: "top1",
})
