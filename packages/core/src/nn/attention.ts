import { VitrineError } from "../errors.ts"
import * as fused from "../tensor/fused.ts"
import { add, broadcastTo, greater, matMul, mul, reshape, slice, split, transpose, where } from "../tensor/ops.ts"
import { fixed, sameShape, showShape } from "../tensor/shape.ts"
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

/** What may be looked at, as `torch.nn.MultiheadAttention` is told. */
export interface AttentionMasks {
  /** Keys that nobody looks at, `[batch, keys]`. */
  readonly keyPaddingMask?: Tensor | undefined
  /** What each query does not look at, broadcast to `[batch, heads, queries, keys]`: `[queries, keys]` for a causal mask. */
  readonly attentionMask?: Tensor | undefined
}

export interface MultiHeadOptions extends AttentionMasks {
  readonly heads: number
  /** Rate of dropout on the attention weights. */
  readonly weightDropout?: number
  /** Whether the projections have biases, as they have unless told. */
  readonly bias?: boolean
}

/**
 * Multi-head attention (Vaswani et al., 2017, section 3.2.2) with queries, keys and values of their own, by the names of
 * `torch.nn.MultiheadAttention`: query `[batch, queries, dim]`, key and value `[batch, keys, dim]` → the query's shape.
 * Positions that only queries and keys have are added by the caller: `multiHeadAttention(scope, add(x, p), add(x, p), x, …)`.
 *
 * A mask is either bool, true where nothing is seen, or float32, added to the scores, −∞ where nothing is seen. What is
 * not seen has weight 0, and a query that sees nothing gets zeros from the heads (so the output's bias alone) and no
 * gradient, as with torch's `scaled_dot_product_attention`. No gradient flows into an additive mask's −∞.
 * @throws VitrineError (shape) where heads do not divide the width, or a mask does not fit.
 */
export function multiHeadAttention(
  scope: Scope,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: MultiHeadOptions,
): Tensor {
  const { q, k, v } = projectHeads(scope, { q: query, k: key, v: value }, options)
  return attendHeads(scope, q, k, v, options)
}

/**
 * The first half of `multiHeadAttention`: whichever of queries, keys and values are given, `[batch, tokens, dim]`, projected
 * by their part of `in_proj`, `[batch, heads, tokens, headDim]`. Equal neighbours are projected by one product.
 */
export function projectHeads<K extends "q" | "k" | "v">(
  scope: Scope,
  given: Readonly<Record<K, Tensor>>,
  { heads, bias = true }: Pick<MultiHeadOptions, "heads" | "bias">,
): Readonly<Record<K, Tensor>> {
  const dim = fixed((Object.values(given)[0] as Tensor).shape, 2)
  if (dim % heads !== 0)
    throw new VitrineError("shape", `${scope.path}: ${heads} heads do not divide a width of ${dim}`)
  const weight = scope.param("in_proj_weight", [3 * dim, dim], "linear")
  const shift = bias ? scope.param("in_proj_bias", [3 * dim], "bias") : undefined
  const runs: { readonly x: Tensor; readonly names: K[]; readonly from: number }[] = []
  for (const [i, name] of (["q", "k", "v"] as K[]).entries()) {
    const x = given[name] as Tensor | undefined
    const last = runs.at(-1)
    if (x !== undefined && last?.x === x && last.from + last.names.length === i) last.names.push(name)
    else if (x !== undefined) runs.push({ x, names: [name], from: i })
  }
  const projected: Partial<Record<K, Tensor>> = {}
  for (const { x, names, from } of runs) {
    const rows = (t: Tensor): Tensor => slice(t, 0, from * dim, (from + names.length) * dim)
    const y = split(fused.linear(x, rows(weight), shift && rows(shift)), 2, names.length) // each [batch, tokens, dim]
    names.forEach((name, i) => void (projected[name] = scope.tap(name, perHead(y[i] as Tensor, heads))))
  }
  return projected as Record<K, Tensor>
}

/**
 * The second half of `multiHeadAttention`: what queries `[batch, heads, queries, headDim]` find by keys and values
 * `[batch, heads, keys, headDim]`, joined and through `out_proj`: `[batch, queries, dim]`.
 */
export function attendHeads(scope: Scope, q: Tensor, k: Tensor, v: Tensor, options: MultiHeadOptions): Tensor {
  const { weightDropout = 0, bias = true } = options
  const context = scope.tap("context", attend(scope, q, k, v, weightDropout, masksOf(scope, q, k, options)))
  return scope.tap(
    "out_proj",
    linear(scope.at("out_proj"), joined(context), fixed(q.shape, 1) * fixed(q.shape, 3), { bias }),
  )
}

/** Both masks with four axes, checked. */
function masksOf(
  scope: Scope,
  q: Tensor,
  k: Tensor,
  { keyPaddingMask, attentionMask }: AttentionMasks,
): readonly Tensor[] {
  const scores = q.shape.with(3, fixed(k.shape, 2))
  const masks: Tensor[] = []
  const fail = (name: string, { shape, dtype }: Tensor, expected: string): never => {
    throw new VitrineError(
      "shape",
      `${scope.path}: ${name} must be bool or float32 ${expected}, got ${dtype} ${showShape(shape)}`,
    )
  }
  const fits = ({ dtype }: Tensor): boolean => dtype === "bool" || dtype === "float32"
  if (keyPaddingMask !== undefined) {
    const shape = [scores[0] as number, fixed(scores, 3)]
    if (!fits(keyPaddingMask) || !sameShape(keyPaddingMask.shape, shape))
      fail("keyPaddingMask", keyPaddingMask, showShape(shape))
    masks.push(reshape(keyPaddingMask, [shape[0] as number, 1, 1, shape[1] as number]))
  }
  if (attentionMask !== undefined) {
    const missing = 4 - attentionMask.shape.length
    const padded = [...new Array<number>(Math.max(0, missing)).fill(1), ...attentionMask.shape]
    const broadcasts = padded.length === 4 && padded.every((dim, i) => dim === 1 || dim === scores[i])
    if (!fits(attentionMask) || !broadcasts)
      fail("attentionMask", attentionMask, `that broadcasts to ${showShape(scores)}`)
    masks.push(reshape(attentionMask, padded))
  }
  return masks
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

/** A score that no other one notices after the softmax; not −∞, since GPUs may take it that there are no infinities. */
const hidden = -1e30

/**
 * `softmax(q kᵀ / √headDim + mask) v`, taken apart where something is masked or somebody looks at the weights or drops
 * some of them. Masks have four axes and broadcast to the scores.
 */
function attend(
  scope: Scope,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  weightDropout: number,
  masks: readonly Tensor[] = [],
): Tensor {
  const scale = 1 / Math.sqrt(fixed(q.shape, 3))
  const drops = scope.training && weightDropout > 0
  if (!drops && masks.length === 0 && !scope.taps("scores", "weights")) return fused.attention(q, k, v, scale).context
  let scores = scope.tap("scores", mul(matMul(q, k, { transposeB: true }), scale)) // [batch, heads, queries, keys]
  const seen: ((t: Tensor, other: number) => Tensor)[] = []
  for (const mask of masks) {
    const visible = mask.dtype === "bool" ? undefined : greater(mask, hidden)
    const keep = (t: Tensor, other: number): Tensor => (visible ? where(visible, t, other) : where(mask, other, t))
    scores = keep(visible ? add(scores, where(visible, mask, 0)) : scores, hidden)
    seen.push(keep)
  }
  // The second time for queries that see nothing, whose softmax is not 0 but even.
  const weights = scope.tap(
    "weights",
    seen.reduce((w, keep) => keep(w, 0), fused.softmax(scores)),
  ) // [batch, heads, queries, keys], each row sums to 1, or to 0 where nothing is seen
  return matMul(scope.dropout("weights", weights, weightDropout), v)
}
