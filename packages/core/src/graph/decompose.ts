import {
  add,
  div,
  erf,
  exp,
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
} from "../tensor/ops.ts"
import { product, type Shape } from "../tensor/shape.ts"
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

/** What each fused op computes, in required ops and simpler fused ones: the definition that every kernel must match. */
export const decompositions: { readonly [K in OpName]?: Decomposition<K> } = {
  linear: ([x, weight, bias]) => {
    const rows = matMul(asRows(x as Tensor), weight as Tensor, transposeB)
    const shape = (x as Tensor).shape.with(-1, (weight as Tensor).shape[0] as number)
    return [reshape(bias ? add(rows, bias) : rows, shape)]
  },
  relu: ([x]) => [maximum(x as Tensor, 0)],
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
