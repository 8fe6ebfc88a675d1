import { VitrineError } from "../errors.ts"
import * as fused from "../tensor/fused.ts"
import {
  add,
  broadcastTo,
  concat,
  full,
  greater,
  matMul,
  mul,
  reshape,
  slice,
  split,
  transpose,
  where,
} from "../tensor/ops.ts"
import { dimAt, fixed, sameShape, showShape } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { hasRow } from "../tables.ts"
import { linear, norms } from "./layers.ts"
import { rotate, type Turn } from "./rotary.ts"
import type { Scope } from "./scope.ts"

/** Options of self-attention over `[batch, tokens, dim]`. */
export interface AttentionOptions {
  readonly heads: number
  /** Rate of dropout on the attention weights. */
  readonly weightDropout: number
  /** Whether the projections to queries, keys and values have biases; true by default. */
  readonly qkvBias?: boolean
  /** Whether the projection to keys has a bias where the others have; true by default. */
  readonly keyBias?: boolean
  /** Whether queries, keys and values have a matrix each; false by default. */
  readonly splitQkv?: boolean
  /** The kind of the norms; "layer" by default. */
  readonly norm?: keyof typeof norms
  /** ε of a norm of the joined heads before the projection at the end; without it they are not normed. */
  readonly normEpsilon?: number | undefined
  /** Turns queries and keys, normed or not. */
  readonly turn?: Turn | undefined
  /** Whether the projection at the end has a bias; true by default. */
  readonly projBias?: boolean
  /** ε of the norm of queries and keys over each head's width. Without it there is no such norm. */
  readonly qkNormEpsilon?: number | undefined
}

/** Multi-head self-attention (appendix A of the ViT paper): x `[batch, tokens, dim]` → the same shape. */
export function selfAttention(scope: Scope, x: Tensor, options: AttentionOptions): Tensor {
  const attended = attendTokens(scope, queriesKeysValues(scope, x, options), options)
  return scope.tap("proj", linear(scope.at("proj"), attended, fixed(x.shape, 2), { bias: options.projBias ?? true }))
}

/**
 * Self-attention between its projections: queries, keys and values `[batch, tokens, dim]` → the same shape.
 * @param normScope the scope of the norms of queries and keys
 */
export function attendTokens(
  scope: Scope,
  [q, k, v]: readonly [q: Tensor, k: Tensor, v: Tensor],
  { heads, weightDropout, norm = "layer", qkNormEpsilon, normEpsilon, turn }: AttentionOptions,
  normScope: Scope = scope,
): Tensor {
  const prepared = (name: string, t: Tensor): Tensor => {
    const normed = qkNormEpsilon === undefined ? t : norms[norm](normScope.at(`${name}_norm`), t, qkNormEpsilon)
    return turn === undefined ? normed : rotate(normed, turn)
  }
  const query = scope.tap("q", prepared("q", perHead(q, heads))) // [batch, heads, tokens, headDim]
  const key = scope.tap("k", prepared("k", perHead(k, heads)))
  const value = scope.tap("v", perHead(v, heads))
  const context = scope.tap("context", attend(scope, query, key, value, weightDropout))
  const joined = joinHeads(context)
  return normEpsilon === undefined ? joined : norms[norm](scope.at("norm"), joined, normEpsilon)
}

/** The projections of x `[batch, tokens, dim]`, each of the same shape. */
function queriesKeysValues(
  scope: Scope,
  x: Tensor,
  { qkvBias = true, keyBias = true, splitQkv = false }: AttentionOptions,
): readonly [q: Tensor, k: Tensor, v: Tensor] {
  const dim = fixed(x.shape, 2)
  if (splitQkv) {
    const project = (name: string, bias: boolean): Tensor => linear(scope.at(`${name}_proj`), x, dim, { bias })
    return [project("q", qkvBias), project("k", qkvBias && keyBias), project("v", qkvBias)]
  }
  if (!qkvBias || keyBias) return split(linear(scope.at("qkv"), x, 3 * dim, { bias: qkvBias }), 2, 3)
  const bias = (name: string): Tensor => scope.param(`${name}_bias`, [dim], "bias")
  const weight = scope.at("qkv").param("weight", [3 * dim, dim], "linear")
  return split(fused.linear(x, weight, concat([bias("q"), full([dim], 0), bias("v")], 0)), 2, 3)
}

/**
 * Multi-head attention of one learned query: x `[batch, tokens, dim]` → `[batch, dim]`. It is the first half of timm's
 * `AttentionPoolLatent` and uses the same names of parameters.
 */
export function latentAttention(scope: Scope, x: Tensor, heads: number): Tensor {
  const dim = fixed(x.shape, 2)
  const batch = dimAt(x.shape, 0)
  const latent = scope.param("latent", [1, 1, dim], "latent")
  const query = perHead(linear(scope.at("q"), latent, dim), heads) // [1, heads, 1, headDim]
  const q = scope.tap("q", broadcastTo(query, query.shape.with(0, batch))) // [batch, heads, 1, headDim]
  const [k, v] = split(linear(scope.at("kv"), x, 2 * dim), 2, 2) // each [batch, tokens, dim]
  const key = scope.tap("k", perHead(k, heads)) // [batch, heads, tokens, headDim]
  const value = scope.tap("v", perHead(v, heads))
  const context = attend(scope, q, key, value, 0) // [batch, heads, 1, headDim]
  return linear(scope.at("proj"), reshape(scope.tap("context", context), [batch, dim]), dim)
}

/** The masks of `torch.nn.MultiheadAttention`. */
export interface AttentionMasks {
  /** The keys that are hidden from all queries, `[batch, keys]`. */
  readonly keyPaddingMask?: Tensor | undefined
  /**
   * The keys that are hidden from each query. It broadcasts to `[batch, heads, queries, keys]`; a causal mask is
   * `[queries, keys]`.
   */
  readonly attentionMask?: Tensor | undefined
}

/** Options of attention from some tokens to others. */
export interface MultiHeadOptions extends AttentionMasks {
  readonly heads: number
  /** Rate of dropout on the attention weights. */
  readonly weightDropout?: number
  /** Whether the projections have biases; true by default. */
  readonly bias?: boolean
}

/**
 * Multi-head attention (Vaswani et al., 2017, section 3.2.2), with the parameter names of
 * `torch.nn.MultiheadAttention`: query `[batch, queries, dim]`, key and value `[batch, keys, dim]` → the query's shape.
 * If queries and keys have positions p that values have not, the caller adds them: `multiHeadAttention(scope, add(x,
 * p), add(x, p), x, …)`.
 *
 * A bool mask is true where a key is hidden. A float32 mask is added to the scores, and is −∞ where a key is hidden.
 * Hidden keys have weight 0. If all keys are hidden from a query, its heads give zeros, as in torch's
 * `scaled_dot_product_attention`. The result is then the output's bias, and no gradient flows to the query. No gradient
 * flows into the −∞ of a mask.
 * @throws VitrineError (shape) if the heads do not divide the width, or a mask does not fit.
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

/** The three parts of `in_proj`, in their order. */
const projections = ["q", "k", "v"] as const

type Projection = (typeof projections)[number]

/**
 * The first half of `multiHeadAttention`. It projects queries, keys or values, or several of them, `[batch, tokens, dim]` →
 * `[batch, heads, tokens, headDim]`. Each has its own part of `in_proj`. If neighbouring parts project the same tensor,
 * one matrix product computes them.
 */
export function projectHeads<K extends Projection>(
  scope: Scope,
  sources: Readonly<Record<K, Tensor>>,
  { heads, bias = true }: Pick<MultiHeadOptions, "heads" | "bias">,
): Readonly<Record<K, Tensor>> {
  const runs: { readonly x: Tensor; readonly first: number; readonly names: K[] }[] = []
  for (const [i, name] of projections.entries()) {
    if (!hasRow(sources, name)) continue
    const x: Tensor = sources[name]
    const last = runs.at(-1)
    if (last?.x === x && last.first + last.names.length === i) last.names.push(name)
    else runs.push({ x, first: i, names: [name] })
  }
  const [run] = runs
  if (run === undefined) throw new VitrineError("shape", `${scope.path}: there is nothing to project`)
  const dim = fixed(run.x.shape, 2)
  if (dim % heads !== 0)
    throw new VitrineError("shape", `${scope.path}: ${heads} heads do not divide a width of ${dim}`)
  const weight = scope.param("in_proj_weight", [3 * dim, dim], "linear")
  const shift = bias ? scope.param("in_proj_bias", [3 * dim], "bias") : undefined
  const projected: Record<K, Tensor> = { ...sources }
  for (const { x, first, names } of runs) {
    const rows = (t: Tensor): Tensor => slice(t, 0, first * dim, (first + names.length) * dim)
    const parts = split(fused.linear(x, rows(weight), shift && rows(shift)), 2, names.length) // each [batch, tokens, dim]
    for (const [i, part] of parts.entries()) {
      const name = names[i]
      if (name !== undefined) projected[name] = scope.tap(name, perHead(part, heads))
    }
  }
  return projected
}

/**
 * The second half of `multiHeadAttention`: queries `[batch, heads, queries, headDim]` attend to keys and values
 * `[batch, heads, keys, headDim]`. The heads are joined and projected by `out_proj` to `[batch, queries, dim]`.
 */
export function attendHeads(scope: Scope, q: Tensor, k: Tensor, v: Tensor, options: MultiHeadOptions): Tensor {
  const { weightDropout = 0, bias = true } = options
  const context = scope.tap("context", attend(scope, q, k, v, weightDropout, masksOf(scope, q, k, options)))
  return scope.tap(
    "out_proj",
    linear(scope.at("out_proj"), joinHeads(context), fixed(q.shape, 1) * fixed(q.shape, 3), { bias }),
  )
}

/** Checks the masks and gives each of them four axes. */
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
    const [batch, keys] = [dimAt(scores, 0), fixed(scores, 3)]
    if (!fits(keyPaddingMask) || !sameShape(keyPaddingMask.shape, [batch, keys]))
      fail("keyPaddingMask", keyPaddingMask, showShape([batch, keys]))
    masks.push(reshape(keyPaddingMask, [batch, 1, 1, keys]))
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
  const [batch, tokens, dim] = [dimAt(t.shape, 0), fixed(t.shape, 1), fixed(t.shape, 2)]
  return transpose(reshape(t, [batch, tokens, heads, dim / heads]), [0, 2, 1, 3])
}

/** `[batch, heads, tokens, headDim]` → `[batch, tokens, dim]`. */
function joinHeads(t: Tensor): Tensor {
  const [heads, tokens, headDim] = [fixed(t.shape, 1), fixed(t.shape, 2), fixed(t.shape, 3)]
  return reshape(transpose(t, [0, 2, 1, 3]), [dimAt(t.shape, 0), tokens, heads * headDim])
}

/**
 * The score of a hidden key. Beside any other score its weight is 0. It is finite, since GPU compilers may assume that
 * no number is infinite.
 */
const hidden = -1e30

/**
 * `softmax(q kᵀ / √headDim + mask) v`. This is one fused op, unless there are masks, dropout of weights, or taps of
 * scores or weights. Masks have four axes and broadcast to the scores.
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
  const hides: ((t: Tensor, value: number) => Tensor)[] = []
  for (const mask of masks) {
    const visible = mask.dtype === "bool" ? undefined : greater(mask, hidden)
    /** Writes `value` where the mask hides a key. */
    const hide = (t: Tensor, value: number): Tensor => (visible ? where(visible, t, value) : where(mask, value, t))
    scores = hide(visible ? add(scores, where(visible, mask, 0)) : scores, hidden)
    hides.push(hide)
  }
  // The mask is applied again after the softmax. A query without any key has equal scores, and its weights must be 0.
  const weights = scope.tap(
    "weights",
    hides.reduce((w, hide) => hide(w, 0), fused.softmax(scores)),
  ) // [batch, heads, queries, keys], each row sums to 1, or to 0 where all keys are hidden
  return matMul(scope.dropout("weights", weights, weightDropout), v)
}
