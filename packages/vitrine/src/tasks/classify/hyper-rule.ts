import { flip, randomCrop } from "@vitrine/data"
import type { Recipe } from "./recipe.ts"

/**
 * BiT-HyperRule: how to fine-tune a pre-trained ResNet on any data, by their number and size alone ("Big Transfer (BiT):
 * General Visual Representation Learning", Kolesnikov et al., 2020, section 3.3; numbers as google-research/big_transfer's
 * `bit_hyperrule.py` has them). Images of fewer than 96² pixels are made 160² and cropped to 128², larger ones 512² and
 * 480². Fewer than 20,000 images take 500 steps of 512, fewer than 500,000 take 10,000, more 20,000; all but the first with
 * mixup of 0.1. SGD with momentum 0.9 at 0.003 for a batch of 512, without weight decay: after a linear warm-up the rate
 * falls tenfold three times. Images are mirrored, which is not for those that mean something else in a mirror.
 * @param examples training images.
 * @param imageSize height and width of the images in pixels.
 */
export function hyperRule(examples: number, [height, width]: readonly [number, number]): Recipe {
  const [resized, cropped] = height * width < 96 * 96 ? [160, 128] : [512, 480]
  const small = examples < 20_000
  const steps = small ? 500 : examples < 500_000 ? 10_000 : 20_000
  const batchSize = Math.min(64, examples)
  const accumulate = Math.ceil(512 / batchSize)
  return {
    model: { imageSize: [cropped, cropped] },
    steps,
    batchSize,
    accumulate,
    dropLast: false,
    augment: [randomCrop(cropped, { scale: resized / cropped, interpolation: "bilinear" }), flip()],
    ...(!small && { mix: { mixup: 0.1 } }),
    optimizer: { name: "sgd", momentum: 0.9 },
    learningRate: (0.003 * batchSize * accumulate) / 512,
    schedule: {
      decay: "step",
      warmup: small ? 100 : 500,
      final: 0.1,
      drop: small ? [0.4, 0.6, 0.8] : [0.3, 0.6, 0.9],
    },
    weightDecay: 0,
    clip: null,
    interpolation: "bilinear",
    cropPct: 1,
    cropMode: "squash",
    mean: [0.5],
    std: [0.5],
  }
}
