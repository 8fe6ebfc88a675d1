import type { ImageModel } from "./model.ts"
import { rootScope } from "./nn/scope.ts"
import { input } from "./tensor/ops.ts"
import { graphCost } from "./graph/cost.ts"
import { graph } from "./graph/graph.ts"

/**
 * The operations of a forward pass over one image: 2 for each multiply-accumulate of matrix products and convolutions,
 * as in `torch.utils.flop_counter`. Papers and timm often count multiply-accumulates, so their numbers are half as
 * large.
 */
export function forwardFlops({ imageSize, channels, forward }: ImageModel): number {
  const images = input("images", ["batch", ...imageSize, channels])
  return graphCost(graph({ outputs: { logits: forward(rootScope(), images) } }), 1).flops
}
