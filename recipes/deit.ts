// DeiT (Touvron et al., 2021, table 9): a Vision Transformer on ImageNet alone, taught by another model.
//
//     vitrine train --data imagenet --recipe deit --model Ti/16 --distill-from hf:timm/vit_base_patch16_224.augreg_in21k_ft_in1k
//
// Batches of 1,024 by accumulation at 0.0005 · 1,024 / 512. DeiT's RandAugment and repeated augmentation are there drawn a
// little otherwise.
import { defineRecipe, flip, randAugment, randomErasing, randomResizedCrop } from "vitrine"

export default defineRecipe({
  model: { variant: "Ti/16", stochasticDepth: 0.1 },
  init: "timm",
  distillation: { kind: "hard", alpha: 0.5 },
  epochs: 300,
  batchSize: 64,
  dropLast: true,
  accumulate: 16,
  augment: [randomResizedCrop(224), flip(), randAugment(2, 9)],
  augmentNormalized: [randomErasing(0.25)],
  labelSmoothing: 0.1,
  mix: { mixup: 0.8, cutmix: 1 },
  optimizer: { name: "adamw", betas: [0.9, 0.999] },
  learningRate: 1e-3,
  schedule: { decay: "cosine", warmup: 5 / 300, final: 0.01 },
  weightDecay: 0.05,
  clip: null,
  cropPct: 0.875,
})
