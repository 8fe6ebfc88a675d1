import { flip, randomCrop } from "@vitrine/data"
import type { Recipe } from "./recipe-type.ts"

/**
 * BiT-HyperRule: a recipe for fine-tuning a pre-trained ResNet on any data. It depends only on the number and the size
 * of the images. From "Big Transfer (BiT): General Visual Representation Learning", Kolesnikov et al., 2020, section
 * 3.3, with the numbers of `bit_hyperrule.py` in google-research/big_transfer.
 * - Images of fewer than 96² pixels are resized to 160² and cropped to 128², larger ones to 512² and 480². They are
 *   mirrored, so the rule is wrong for images whose meaning a mirror changes.
 * - Fewer than 20,000 images get 500 steps of 512, fewer than 500,000 get 10,000, and more get 20,000. The two longer
 *   schedules have mixup of 0.1.
 * - The optimizer is SGD with momentum 0.9 and without weight decay. Its rate is 0.003 for a batch of 512. After a
 *   linear warm-up it falls three times, to a tenth each time.
 * @param examples the number of training images
 * @param imageSize height and width of the images in pixels
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
