import * as fused from "../tensor/fused.ts"
import { matMul, mul, reshape, split, transpose } from "../tensor/ops.ts"
import { fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { linear } from "./layers.ts"
import type { Scope } from "./scope.ts"

export interface AttentionOptions {
  readonly heads: number
  /** Rate of dropout on the attention weights. */
  readonly weightDropout: number
}

/** Multi-head self-attention (appendix A of the ViT paper): x `[batch, tokens, dim]` → the same shape. */
export function selfAttention(scope: Scope, x: Tensor, { heads, weightDropout }: AttentionOptions): Tensor {
  const dim = fixed(x.shape, 2)
  const tokens = fixed(x.shape, 1)
  const headDim = dim / heads
  const batch = x.shape[0] as number
  const perHead = (t: Tensor): Tensor => transpose(reshape(t, [batch, tokens, heads, headDim]), [0, 2, 1, 3])

  const qkv = split(linear(scope.at("qkv"), x, 3 * dim), 2, 3) // 3 × [batch, tokens, dim]
  const [q, k, v] = qkv.map(perHead) as [Tensor, Tensor, Tensor] // [batch, heads, tokens, headDim]
  scope.tap("q", q)
  scope.tap("k", k)
  scope.tap("v", v)
  const context = scope.tap("context", attend(scope, q, k, v, weightDropout)) // [batch, heads, tokens, headDim]
  const joined = reshape(transpose(context, [0, 2, 1, 3]), x.shape) // [batch, tokens, dim]
  return scope.tap("proj", linear(scope.at("proj"), joined, dim))
}

/** `softmax(q kᵀ / √headDim) v`, taken apart where somebody looks at the weights or drops some of them. */
function attend(scope: Scope, q: Tensor, k: Tensor, v: Tensor, weightDropout: number): Tensor {
  const scale = 1 / Math.sqrt(fixed(q.shape, 3))
  const drops = scope.training && weightDropout > 0
  if (!drops && !scope.taps("scores", "weights")) return fused.attention(q, k, v, scale).context
  const scores = scope.tap("scores", mul(matMul(q, k, { transposeB: true }), scale)) // [batch, heads, tokens, tokens]
  const weights = scope.tap("weights", fused.softmax(scores)) // [batch, heads, tokens, tokens], each row sums to 1
  return matMul(scope.dropout("weights", weights, weightDropout), v)
}
