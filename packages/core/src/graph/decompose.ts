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
import { type Dim, dimAt, fixed, product, type Shape } from "../tensor/shape.ts"
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

/** The most values of a row of several places. Longer rows are no faster, and values for each of them take memory. */
const widest = 768

/**
 * Images `[batch, height, width, channels]` as `[batch, count, places · channels]`: rows of neighbouring places. Engines
 * repeat a value for each channel slowly if the channels are few.
 */
interface Rows {
  readonly batch: Dim
  readonly count: number
  readonly places: number
  readonly channels: number
}

function rowsOf({ shape }: Tensor): Rows {
  const [all, channels] = [fixed(shape, 1) * fixed(shape, 2), fixed(shape, 3)]
  let places = 1
  while (all % (2 * places) === 0 && 2 * places * channels <= widest) places *= 2
  return { batch: dimAt(shape, 0), count: all / places, places, channels }
}

/** The number of values in a group of channels. */
const groupSize = ({ count, places, channels }: Rows, groups: number): number => (count * places * channels) / groups

const asPlaces = (x: Tensor, { batch, count, places, channels }: Rows): Tensor =>
  reshape(x, [batch, count, places * channels])

/** The sum over all places: `[batch, count, places · channels]` → `[batch, channels]`. */
const overPlaces = (x: Tensor, { batch, places, channels }: Rows): Tensor =>
  sum(reshape(sum(x, [1]), [batch, places, channels]), [1])

/** A sum over each group of channels: `[batch, channels]` → `[batch, groups]`. */
function overGroups(x: Tensor, groups: number): Tensor {
  const [batch, channels] = [dimAt(x.shape, 0), fixed(x.shape, 1)]
  return sum(reshape(x, [batch, groups, channels / groups]), [2])
}

/** Each group's value for each of its channels: `[batch, groups]` → `[batch, channels]`. */
function forChannels(x: Tensor, channels: number): Tensor {
  const [batch, groups] = [dimAt(x.shape, 0), fixed(x.shape, 1)]
  const spread = broadcastTo(reshape(x, [batch, groups, 1]), [batch, groups, channels / groups])
  return reshape(spread, [batch, channels])
}

/** A value of each channel for each place of a row: `[batch or 1, channels]` → `[batch or 1, 1, places · channels]`. */
function forPlaces(x: Tensor, { places, channels }: Rows): Tensor {
  const examples = dimAt(x.shape, 0)
  const spread = broadcastTo(reshape(x, [examples, 1, channels]), [examples, places, channels])
  return reshape(spread, [examples, 1, places * channels])
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
    const rows = rowsOf(x)
    const { channels } = rows
    const average = (t: Tensor): Tensor => mul(overGroups(overPlaces(t, rows), groups), 1 / groupSize(rows, groups))
    const t = asPlaces(x, rows)
    const mu = average(t)
    const centred = sub(t, forPlaces(forChannels(mu, channels), rows))
    const rstd = div(1, sqrt(add(average(square(centred)), epsilon)))
    const factors = forPlaces(mul(forChannels(rstd, channels), weight), rows)
    const y = add(mul(centred, factors), forPlaces(reshape(bias, [1, channels]), rows))
    return [reshape(y, x.shape), mu, rstd]
  },
  groupNormGrad: ([dy, x, weight, mu, rstd], { groups }) => {
    const rows = rowsOf(x)
    const { channels } = rows
    const d = asPlaces(dy, rows)
    const centred = sub(asPlaces(x, rows), forPlaces(forChannels(mu, channels), rows))
    const [along, flat] = [overPlaces(mul(d, centred), rows), overPlaces(d, rows)] // [batch, channels]
    const gain = forChannels(rstd, channels)
    const ofGroup = (sums: Tensor): Tensor => mul(overGroups(mul(sums, weight), groups), 1 / groupSize(rows, groups))
    const slope = forChannels(mul(ofGroup(along), mul(square(rstd), rstd)), channels)
    const level = forChannels(mul(ofGroup(flat), rstd), channels)
    const falling = sub(mul(d, forPlaces(mul(gain, weight), rows)), mul(centred, forPlaces(slope, rows)))
    return [reshape(sub(falling, forPlaces(level, rows)), x.shape), sum(mul(along, gain), [0]), sum(flat, [0])]
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
