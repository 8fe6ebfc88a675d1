import {
  add,
  broadcastTo,
  div,
  erf,
  exp,
  greater,
  log,
  matMul,
  max,
  maximum,
  mean,
  mul,
  neg,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  tanh,
  where,
} from "../tensor/ops.ts"
import { type Dim, product, type Shape } from "../tensor/shape.ts"
import { softmax as softmaxOp } from "../tensor/fused.ts"
import type { OpName, Ops, Tensor } from "../tensor/tensor.ts"

export type Decomposition<K extends OpName = OpName> = (
  inputs: readonly Tensor[],
  attributes: Ops[K],
) => readonly Tensor[]

const transposeB = { transposeB: true }
const transposeA = { transposeA: true }

/** `[…, last]` as a matrix `[rows, last]`. */
export function asRows(x: Tensor): Tensor {
  return reshape(x, [product(x.shape.slice(0, -1)), product(x.shape.slice(-1))])
}

const last = (shape: Shape): number[] => [shape.length - 1]

function geluInner(x: Tensor): Tensor {
  return mul(add(x, mul(mul(square(x), x), 0.044715)), Math.sqrt(2 / Math.PI))
}

/** Φ(x) of the normal distribution. */
function normalCdf(x: Tensor): Tensor {
  return mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)
}

function softmax(x: Tensor): Tensor {
  const shifted = exp(sub(x, max(x, last(x.shape), true)))
  return div(shifted, sum(shifted, last(x.shape), true))
}

function logSumExp(x: Tensor): Tensor {
  const top = max(x, last(x.shape), true)
  return add(top, log(sum(exp(sub(x, top)), last(x.shape), true)))
}

/** Images `[batch, height, width, channels]` as `[batch, places, channels]`. */
function asPlaces(x: Tensor): Tensor {
  const { shape } = x
  return reshape(x, [shape[0] as Dim, product(shape.slice(1, -1)), shape.at(-1) as number])
}

/** A sum over each group of channels: `[batch, channels]` → `[batch, groups]`. */
function overGroups(x: Tensor, groups: number): Tensor {
  const [batch, channels] = x.shape as readonly [Dim, number]
  return sum(reshape(x, [batch, groups, channels / groups]), [2])
}

/** Each group's value for each of its channels: `[batch, groups]` → `[batch, 1, channels]`. */
function forChannels(x: Tensor, channels: number): Tensor {
  const [batch, groups] = x.shape as readonly [Dim, number]
  const spread = broadcastTo(reshape(x, [batch, groups, 1]), [batch, groups, channels / groups])
  return reshape(spread, [batch, 1, channels])
}

/** What each fused op computes, in required ops and simpler fused ones: the definition that every kernel must match. */
export const decompositions: { readonly [K in OpName]?: Decomposition<K> } = {
  linear: ([x, weight, bias]) => {
    const rows = matMul(asRows(x as Tensor), weight as Tensor, transposeB)
    const shape = (x as Tensor).shape.with(-1, (weight as Tensor).shape[0] as number)
    return [reshape(bias ? add(rows, bias) : rows, shape)]
  },
  relu: ([x]) => [maximum(x as Tensor, 0)],
  reluGrad: ([dy, x]) => [where(greater(x as Tensor, 0), dy as Tensor, 0)],
  gelu: ([x], { approximate }) => {
    const t = x as Tensor
    return [mul(t, approximate ? mul(add(tanh(geluInner(t)), 1), 0.5) : normalCdf(t))]
  },
  geluGrad: ([dy, x], { approximate }) => {
    const t = x as Tensor
    if (!approximate) {
      const density = mul(exp(mul(square(t), -0.5)), 1 / Math.sqrt(2 * Math.PI))
      return [mul(dy as Tensor, add(normalCdf(t), mul(t, density)))]
    }
    const th = tanh(geluInner(t))
    const inner = mul(add(mul(square(t), 3 * 0.044715), 1), Math.sqrt(2 / Math.PI))
    const slope = mul(mul(mul(t, 0.5), sub(1, square(th))), inner)
    return [mul(dy as Tensor, add(mul(add(th, 1), 0.5), slope))]
  },
  softmax: ([x]) => [softmax(x as Tensor)],
  softmaxGrad: ([dy, y]) => {
    const weighted = mul(dy as Tensor, y as Tensor)
    return [sub(weighted, mul(y as Tensor, sum(weighted, last(weighted.shape), true)))]
  },
  softmaxCrossEntropy: ([logits, targets]) => {
    const z = logits as Tensor
    return [neg(sum(mul(targets as Tensor, sub(z, logSumExp(z))), [1]))]
  },
  layerNorm: ([x, weight, bias], { epsilon }) => {
    const t = x as Tensor
    const mu = mean(t, last(t.shape), true)
    const centred = sub(t, mu)
    const rstd = div(1, sqrt(add(mean(square(centred), last(t.shape), true), epsilon)))
    return [add(mul(mul(centred, rstd), weight as Tensor), bias as Tensor), mu, rstd]
  },
  layerNormGrad: ([dy, x, weight, mu, rstd]) => {
    const d = dy as Tensor
    const normalized = mul(sub(x as Tensor, mu as Tensor), rstd as Tensor)
    const axis = last(d.shape)
    const rows = d.shape.slice(0, -1).map((_, i) => i)
    const dnormalized = mul(d, weight as Tensor)
    const along = mul(normalized, mean(mul(dnormalized, normalized), axis, true))
    const dx = mul(rstd as Tensor, sub(sub(dnormalized, mean(dnormalized, axis, true)), along))
    return [dx, sum(mul(d, normalized), rows), sum(d, rows)]
  },
  // Large values are gone through channel by channel: what groups have in common is computed from sums over places.
  groupNorm: ([x, weight, bias], { groups, epsilon }) => {
    const t = asPlaces(x as Tensor)
    const [, places, channels] = t.shape as readonly [Dim, number, number]
    const count = (places * channels) / groups
    const mu = mul(overGroups(sum(t, [1]), groups), 1 / count)
    const centred = sub(t, forChannels(mu, channels))
    const variance = mul(overGroups(sum(square(centred), [1]), groups), 1 / count)
    const rstd = div(1, sqrt(add(variance, epsilon)))
    const y = add(mul(centred, mul(forChannels(rstd, channels), weight as Tensor)), bias as Tensor)
    return [reshape(y, (x as Tensor).shape), mu, rstd]
  },
  groupNormGrad: ([dy, x, weight, mu, rstd], { groups }) => {
    const [d, t] = [asPlaces(dy as Tensor), asPlaces(x as Tensor)]
    const [, places, channels] = t.shape as readonly [Dim, number, number]
    const count = (places * channels) / groups
    const centred = sub(t, forChannels(mu as Tensor, channels))
    const [along, flat] = [sum(mul(d, centred), [1]), sum(d, [1])] // [batch, channels]
    const gain = forChannels(rstd as Tensor, channels)
    const ofGroup = (sums: Tensor): Tensor => mul(overGroups(mul(sums, weight as Tensor), groups), 1 / count)
    const slope = mul(ofGroup(along), mul(square(rstd as Tensor), rstd as Tensor))
    const level = mul(ofGroup(flat), rstd as Tensor)
    const falling = sub(mul(d, mul(gain, weight as Tensor)), mul(centred, forChannels(slope, channels)))
    const dweight = sum(mul(along, reshape(gain, along.shape)), [0])
    return [reshape(sub(falling, forChannels(level, channels)), (x as Tensor).shape), dweight, sum(flat, [0])]
  },
  attention: ([q, k, v], { scale }) => {
    const scores = mul(matMul(q as Tensor, k as Tensor, transposeB), scale)
    return [matMul(softmaxOp(scores), v as Tensor), logSumExp(scores)]
  },
  attentionGrad: ([dcontext, q, k, v, context], { scale }) => {
    const [d, Q, K, V] = [dcontext, q, k, v] as [Tensor, Tensor, Tensor, Tensor]
    const weights = softmaxOp(mul(matMul(Q, K, transposeB), scale))
    const dweights = matMul(d, V, transposeB)
    // The sum that softmax's gradient subtracts, taken from the context: headDim wide instead of tokens wide.
    const row = sum(mul(d, context as Tensor), last(d.shape), true)
    const dscores = mul(mul(weights, sub(dweights, row)), scale)
    return [matMul(dscores, K), matMul(dscores, Q, transposeA), matMul(weights, d, transposeA)]
  },
  adamW: ([parameter, gradient, m, v, stepSize, correction, decay], { beta1, beta2, epsilon }) => {
    const g = gradient as Tensor
    const m2 = add(mul(m as Tensor, beta1), mul(g, 1 - beta1))
    const v2 = add(mul(v as Tensor, beta2), mul(square(g), 1 - beta2))
    const denominator = add(mul(sqrt(v2), correction as Tensor), epsilon)
    const decayed = mul(parameter as Tensor, decay as Tensor)
    return [sub(decayed, div(mul(m2, stepSize as Tensor), denominator)), m2, v2]
  },
}
