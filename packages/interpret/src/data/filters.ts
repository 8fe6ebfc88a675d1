import type { HostTensor } from "@vitrine/core"
import { principalComponents } from "./pca.ts"
import { shapeOf } from "./tensors.ts"

/** The principal components of a patch embedding's filters. */
export interface FilterComponents {
  readonly count: number
  readonly height: number
  readonly width: number
  readonly channels: number
  /** `[count, height, width, channels]`, each of length 1. */
  readonly components: Float32Array
  /** The share of the filters' variance that each component explains, `[count]`. */
  readonly explained: Float64Array
}

/**
 * The principal components of the filters of a first convolution, as in the ViT paper (Dosovitskiy et al., 2021),
 * figure 7 left, which shows 28 components of the patch embedding.
 * @param weight such as `patch_embed.proj.weight`, `[dim, channels, height, width]`
 * @throws VitrineError (shape)
 */
export function filterComponents(weight: HostTensor, count = 28): FilterComponents {
  const dims = ["dim", "channels", "height", "width"] as const
  const [dim, channels, height, width] = shapeOf(weight, dims, "patch_embed.proj.weight")
  const { components: planes, explained } = principalComponents(weight.data, dim, count)
  const area = height * width
  const components = new Float32Array(planes.length)
  for (const [at, value] of planes.entries()) {
    const inside = at % (channels * area)
    const channel = Math.floor(inside / area)
    components[at - inside + (inside % area) * channels + channel] = value
  }
  return { count: explained.length, height, width, channels, components, explained }
}
