import { add, concat, mul, reshape, split, sub } from "../tensor/ops.ts"
import { dimAt, fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"

/**
 * The pairs of channels in a head: channel i and the channel half a head later (`halves`, timm's `rotate_half`), or
 * channels 2 i and 2 i + 1 (`neighbours`).
 */
export const channelPairs = ["halves", "neighbours"] as const

/**
 * The rotation of tokens: an angle for each pair of channels, `[tokens, headDim / 2]` or `[heads, tokens, headDim /
 * 2]`, as its cosine and sine.
 */
export interface Turn {
  readonly cos: Tensor
  readonly sin: Tensor
  readonly pairs: (typeof channelPairs)[number]
}

/**
 * Rotates each pair of channels by its angle (RoFormer, Su et al., 2021): queries or keys `[batch, heads, tokens,
 * headDim]` → the same shape.
 */
export function rotate(x: Tensor, { cos, sin, pairs }: Turn): Tensor {
  const [batch, heads, tokens] = [dimAt(x.shape, 0), fixed(x.shape, 1), fixed(x.shape, 2)]
  const half = fixed(x.shape, 3) / 2
  const [axis, pair, one] = pairs === "halves" ? [3, [2, half], [1, half]] : [4, [half, 2], [half, 1]]
  const [a, b] = split(reshape(x, [batch, heads, tokens, ...pair]), axis, 2)
  const apart = (t: Tensor): Tensor => reshape(t, [...t.shape.slice(0, -1), ...one])
  const [c, s] = [apart(cos), apart(sin)]
  const turned = concat([sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], axis)
  return reshape(turned, x.shape)
}
