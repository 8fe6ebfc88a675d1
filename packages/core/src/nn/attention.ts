import * as fused from "../tensor/fused.ts"
import { broadcastTo, matMul, mul, reshape, split, transpose } from "../tensor/ops.ts"
import { fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { layerNorm, linear } from "./layers.ts"
import type { Scope } from "./scope.ts"

export interface AttentionOptions {
  readonly heads: number
  /** Rate of dropout on the attention weights. */
  readonly weightDropout: number
  /** Whether the projections to queries, keys and values have biases, as they have unless told. */
  readonly qkvBias?: boolean
  /** Whether the projection at the end has a bias, as it has unless told. */
  readonly projBias?: boolean
  /** ε of the LayerNorm of queries and keys over each head's width; without it they are not normed. */
  readonly qkNormEpsilon?: number | undefined
}

/** Multi-head self-attention (appendix A of the ViT paper): x `[batch, tokens, dim]` → the same shape. */
export function selfAttention(scope: Scope, x: Tensor, options: AttentionOptions): Tensor {
  const { heads, weightDropout, qkvBias = true, projBias = true, qkNormEpsilon } = options
  const dim = fixed(x.shape, 2)
  const normed = (name: string, t: Tensor): Tensor =>
    qkNormEpsilon === undefined ? t : layerNorm(scope.at(`${name}_norm`), t, qkNormEpsilon)

  const qkv = split(linear(scope.at("qkv"), x, 3 * dim, { bias: qkvBias }), 2, 3) // 3 × [batch, tokens, dim]
  const [q, k, v] = qkv.map((t) => perHead(t, heads)) as [Tensor, Tensor, Tensor] // [batch, heads, tokens, headDim]
  const query = scope.tap("q", normed("q", q))
  const key = scope.tap("k", normed("k", k))
  const context = scope.tap("context", attend(scope, query, key, scope.tap("v", v), weightDropout))
  return scope.tap("proj", linear(scope.at("proj"), joined(context), dim, { bias: projBias }))
}

/**
 * What one learned query finds by multi-head attention: x `[batch, tokens, dim]` → `[batch, dim]`. The first half of
 * timm's `AttentionPoolLatent`, by whose names the parameters go.
 */
export function latentAttention(scope: Scope, x: Tensor, heads: number): Tensor {
  const dim = fixed(x.shape, 2)
  const batch = x.shape[0] as number
  const latent = scope.param("latent", [1, 1, dim], "latent")
  const query = perHead(linear(scope.at("q"), latent, dim), heads) // [1, heads, 1, headDim]
  const q = scope.tap("q", broadcastTo(query, query.shape.with(0, batch))) // [batch, heads, 1, headDim]
  const kv = split(linear(scope.at("kv"), x, 2 * dim), 2, 2) // 2 × [batch, tokens, dim]
  const [k, v] = kv.map((t) => perHead(t, heads)) as [Tensor, Tensor] // [batch, heads, tokens, headDim]
  const context = attend(scope, q, scope.tap("k", k), scope.tap("v", v), 0) // [batch, heads, 1, headDim]
  return linear(scope.at("proj"), reshape(scope.tap("context", context), [batch, dim]), dim)
}

/** `[batch, tokens, dim]` → `[batch, heads, tokens, headDim]`. */
function perHead(t: Tensor, heads: number): Tensor {
  const [batch, tokens, dim] = [t.shape[0] as number, fixed(t.shape, 1), fixed(t.shape, 2)]
  return transpose(reshape(t, [batch, tokens, heads, dim / heads]), [0, 2, 1, 3])
}

/** `[batch, heads, tokens, headDim]` → `[batch, tokens, dim]`. */
function joined(t: Tensor): Tensor {
  const [batch, heads, tokens, headDim] = [
    t.shape[0] as number,
    fixed(t.shape, 1),
    fixed(t.shape, 2),
    fixed(t.shape, 3),
  ]
  return reshape(transpose(t, [0, 2, 1, 3]), [batch, tokens, heads * headDim])
}

/** `softmax(q kᵀ / √headDim) v`, taken apart where somebody looks at the weights or drops some of them. */
function attend(scope: Scope, q: Tensor, k: Tensor, v: Tensor, weightDropout: number): Tensor {
  const scale = 1 / Math.sqrt(fixed(q.shape, 3))
  const drops = scope.training && weightDropout > 0
  if (!drops && !scope.taps("scores", "weights")) return fused.attention(q, k, v, scale).context
  const scores = scope.tap("scores", mul(matMul(q, k, { transposeB: true }), scale)) // [batch, heads, queries, keys]
  const weights = scope.tap("weights", fused.softmax(scores)) // [batch, heads, queries, keys], each row sums to 1
  return matMul(scope.dropout("weights", weights, weightDropout), v)
}
