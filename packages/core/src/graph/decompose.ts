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
import { dimAt, fixed, product, type Shape } from "../tensor/shape.ts"
import { softmax as softmaxOp } from "../tensor/fused.ts"
import type { OpInputs, OpName, OpOutputs, Ops, Tensor } from "../tensor/tensor.ts"

/** The decomposition of a fused op into required ops and simpler fused ones. */
export type Decomposition<K extends OpName> = (inputs: OpInputs<Tensor>[K], attributes: Ops[K]) => OpOutputs<Tensor>[K]

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

/** Images `[batch, height, width, channels]` as `[batch, height · width, channels]`. */
function asPlaces(x: Tensor): Tensor {
  const { shape } = x
  return reshape(x, [dimAt(shape, 0), product(shape.slice(1, -1)), dimAt(shape, -1)])
}

/** A sum over each group of channels: `[batch, channels]` → `[batch, groups]`. */
function overGroups(x: Tensor, groups: number): Tensor {
  const [batch, channels] = [dimAt(x.shape, 0), fixed(x.shape, 1)]
  return sum(reshape(x, [batch, groups, channels / groups]), [2])
}

/** Each group's value for each of its channels: `[batch, groups]` → `[batch, 1, channels]`. */
function forChannels(x: Tensor, channels: number): Tensor {
  const [batch, groups] = [dimAt(x.shape, 0), fixed(x.shape, 1)]
  const spread = broadcastTo(reshape(x, [batch, groups, 1]), [batch, groups, channels / groups])
  return reshape(spread, [batch, 1, channels])
}

/** The definition of each fused op, in required ops and simpler fused ones. Every kernel must match it. */
export const decompositions: { readonly [K in OpName]?: Decomposition<K> } = {
  linear: ([x, weight, bias]) => {
    const rows = matMul(asRows(x), weight, transposeB)
    const shape = x.shape.with(-1, dimAt(weight.shape, 0))
    return [reshape(bias ? add(rows, bias) : rows, shape)]
  },
  relu: ([x]) => [maximum(x, 0)],
  reluGrad: ([dy, y]) => [where(greater(y, 0), dy, 0)],
  gelu: ([x], { approximate }) => [mul(x, approximate ? mul(add(tanh(geluInner(x)), 1), 0.5) : normalCdf(x))],
  geluGrad: ([dy, x], { approximate }) => {
    if (!approximate) {
      const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
      return [mul(dy, add(normalCdf(x), mul(x, density)))]
    }
    const th = tanh(geluInner(x))
    const inner = mul(add(mul(square(x), 3 * 0.044715), 1), Math.sqrt(2 / Math.PI))
    const slope = mul(mul(mul(x, 0.5), sub(1, square(th))), inner)
    return [mul(dy, add(mul(add(th, 1), 0.5), slope))]
  },
  softmax: ([x]) => [softmax(x)],
  softmaxGrad: ([dy, y]) => {
    const weighted = mul(dy, y)
    return [sub(weighted, mul(y, sum(weighted, last(weighted.shape), true)))]
  },
  softmaxCrossEntropy: ([logits, targets]) => [neg(sum(mul(targets, sub(logits, logSumExp(logits))), [1]))],
  layerNorm: ([x, weight, bias], { epsilon }) => {
    const mu = mean(x, last(x.shape), true)
    const centred = sub(x, mu)
    const rstd = div(1, sqrt(add(mean(square(centred), last(x.shape), true), epsilon)))
    return [add(mul(mul(centred, rstd), weight), bias), mu, rstd]
  },
  layerNormGrad: ([dy, x, weight, mu, rstd]) => {
    const normalized = mul(sub(x, mu), rstd)
    const axis = last(dy.shape)
    const rows = dy.shape.slice(0, -1).map((_, i) => i)
    const dnormalized = mul(dy, weight)
    const along = mul(normalized, mean(mul(dnormalized, normalized), axis, true))
    const dx = mul(rstd, sub(sub(dnormalized, mean(dnormalized, axis, true)), along))
    return [dx, sum(mul(dy, normalized), rows), sum(dy, rows)]
  },
  // The sums over places come first, so that they alone are grouped, and not whole images.
  groupNorm: ([x, weight, bias], { groups, epsilon }) => {
    const t = asPlaces(x)
    const [places, channels] = [fixed(t.shape, 1), fixed(t.shape, 2)]
    const count = (places * channels) / groups
    const mu = mul(overGroups(sum(t, [1]), groups), 1 / count)
    const centred = sub(t, forChannels(mu, channels))
    const variance = mul(overGroups(sum(square(centred), [1]), groups), 1 / count)
    const rstd = div(1, sqrt(add(variance, epsilon)))
    const y = add(mul(centred, mul(forChannels(rstd, channels), weight)), bias)
    return [reshape(y, x.shape), mu, rstd]
  },
  groupNormGrad: ([dy, x, weight, mu, rstd], { groups }) => {
    const [d, t] = [asPlaces(dy), asPlaces(x)]
    const [places, channels] = [fixed(t.shape, 1), fixed(t.shape, 2)]
    const count = (places * channels) / groups
    const centred = sub(t, forChannels(mu, channels))
    const [along, flat] = [sum(mul(d, centred), [1]), sum(d, [1])] // [batch, channels]
    const gain = forChannels(rstd, channels)
    const ofGroup = (sums: Tensor): Tensor => mul(overGroups(mul(sums, weight), groups), 1 / count)
    const slope = mul(ofGroup(along), mul(square(rstd), rstd))
    const level = mul(ofGroup(flat), rstd)
    const falling = sub(mul(d, mul(gain, weight)), mul(centred, forChannels(slope, channels)))
    const dweight = sum(mul(along, reshape(gain, along.shape)), [0])
    return [reshape(sub(falling, forChannels(level, channels)), x.shape), dweight, sum(flat, [0])]
  },
  attention: ([q, k, v], { scale }) => {
    const scores = mul(matMul(q, k, transposeB), scale)
    return [matMul(softmaxOp(scores), v), logSumExp(scores)]
  },
  attentionGrad: ([dcontext, q, k, v, context], { scale }) => {
    const weights = softmaxOp(mul(matMul(q, k, transposeB), scale))
    const dweights = matMul(dcontext, v, transposeB)
    // Softmax's gradient subtracts a sum over tokens. The context gives the same sum over headDim, which is narrower.
    const row = sum(mul(dcontext, context), last(dcontext.shape), true)
    const dscores = mul(mul(weights, sub(dweights, row)), scale)
    return [matMul(dscores, k), matMul(dscores, q, transposeA), matMul(weights, dcontext, transposeA)]
  },
  adamW: ([parameter, gradient, m, v, stepSize, correction, decay], { beta1, beta2, epsilon }) => {
    const m2 = add(mul(m, beta1), mul(gradient, 1 - beta1))
    const v2 = add(mul(v, beta2), mul(square(gradient), 1 - beta2))
    const denominator = add(mul(sqrt(v2), correction), epsilon)
    const decayed = mul(parameter, decay)
    return [sub(decayed, div(mul(m2, stepSize), denominator)), m2, v2]
  },
}
