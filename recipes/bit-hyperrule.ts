// BiT-HyperRule (Kolesnikov et al., 2020): fine-tunes a ResNet by the number and the size of the images alone.
// It takes 128² or 480² pixels, 500 to 20,000 steps of 512 images, and mixup where there are many images.
//
//     vitrine train --data flowers --from BiT-M-R50x1.npz --recipe bit-hyperrule
//
// Where memory is short, smaller batches add up to the same: --batch-size 8 --accumulate 64.
import { defineRecipe, hyperRule } from "vitrine"

export default defineRecipe(({ examples, imageSize }) => hyperRule(examples, imageSize))
