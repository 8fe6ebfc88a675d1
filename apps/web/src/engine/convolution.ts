import { type Graph, graph, ops, type ViTConfig } from "@vitrine/core"
import { elementAt } from "../checked.ts"

/**
 * The patch embedding as a convolution whose stride equals the size of its kernel. The output `convolved` is `[batch,
 * N, D]`.
 */
export function convolutionGraph({ imageSize, patchSize, channels, dim }: ViTConfig): Graph {
  const images = ops.input("images", ["batch", ...imageSize, channels])
  const kernel = ops.state("patch_embed.proj.weight", [dim, channels, ...patchSize])
  const grid = ops.conv2d(images, kernel, { strides: patchSize }) // [batch, rows, columns, D]
  const bias = ops.state("patch_embed.proj.bias", [dim])
  const patches = (imageSize[0] / patchSize[0]) * (imageSize[1] / patchSize[1])
  return graph({ outputs: { convolved: ops.reshape(ops.add(grid, bias), ["batch", patches, dim]) } })
}

/** max |a − b| */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - elementAt(b, i))), 0)
}
