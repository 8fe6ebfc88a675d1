// Fine-tuning as most do it: AdamW, layer-wise decay of the rate, smoothing, mirrored images.
//
//     vitrine train --data flowers --from hf:timm/vit_tiny_patch16_224.augreg_in21k --recipe fine-tune
import { defineRecipe, flip } from "vitrine"

export default defineRecipe({
  epochs: 20,
  batchSize: 64,
  dropLast: true,
  augment: [flip()],
  labelSmoothing: 0.1,
  optimizer: { name: "adamw", betas: [0.9, 0.999] },
  learningRate: 5e-4,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  decay: "matrices",
  layerDecay: 0.75,
  clip: 1,
})
