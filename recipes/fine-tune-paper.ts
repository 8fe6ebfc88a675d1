// Fine-tuning as in the paper (Dosovitskiy et al., 2021, section 4.1 and appendix B.1.1).
// SGD with momentum, batches of 512, cosine decay after 500 steps of warm-up, gradients clipped at norm 1, no weight decay,
// 384² pixels.
//
//     vitrine train --data cifar10 --from hf:timm/vit_base_patch16_224.augreg_in21k --recipe fine-tune-paper
//
// The paper takes 10,000 steps on CIFAR, 20,000 on ImageNet, 500 on Pets and Flowers (warm-up 100), and the best rate of
// 0.001, 0.003, 0.01 and 0.03. At another --image-size images are cropped to that.
import { defineRecipe, flip, randomResizedCrop } from "vitrine"

export default defineRecipe({
  model: { imageSize: [384, 384] },
  steps: 10_000,
  batchSize: 64,
  dropLast: true,
  accumulate: 8,
  augment: [randomResizedCrop(384, { scale: [0.05, 1], interpolation: "bilinear" }), flip()],
  optimizer: { name: "sgd", momentum: 0.9 },
  learningRate: 0.01,
  schedule: { decay: "cosine", warmup: 500, final: 0 },
  weightDecay: 0,
  clip: 1,
})
