import { type AttentionMasks, multiHeadAttention, ops, rootScope, type Tensor } from "@vitrine/core"
import fc from "fast-check"
import type { Draw } from "../draw.ts"
import { type Case, property, shapes, size } from "./case.ts"

const { adamW, attention, gelu, geluGrad, groupNorm, layerNorm, linear, relu, reluGrad } = ops
const { softmax, softmaxCrossEntropy, softmaxGrad } = ops

const rows = (draw: Draw, shape: readonly number[]): Tensor => softmax(draw.normal(shape))

function activation(op: (x: Tensor) => Tensor): Case {
  return {
    hidden: (d) => op(d.normal([2, 5, 33], { scale: 2 })),
    "a scalar": (d) => op(d.normal([])),
    "far out": (d) => op(d.values([5], [-40, -6, 0.5, 6, 40])),
    "any shape": property(shapes(), (d, shape) => op(d.normal(shape))),
  }
}

function norm(draw: Draw, shape: readonly number[], epsilon = 1e-6, shift = 0): readonly Tensor[] {
  const dim = shape.slice(-1)
  const { y, mean, rstd } = layerNorm(draw.normal(shape, { shift }), draw.normal(dim), draw.normal(dim), epsilon)
  // The gradient of y reads the other two outputs. They are compared as values only, since no gradient flows into them.
  return [y, ops.stopGradient(mean), ops.stopGradient(rstd)]
}

/** A group norm of images `[batch, height, width, channels]`. */
function grouped(draw: Draw, shape: readonly number[], groups: number, epsilon = 1e-5, shift = 0): readonly Tensor[] {
  const channels = shape.slice(-1)
  const x = draw.normal(shape, { shift })
  const { y, mean, rstd } = groupNorm(x, draw.normal(channels), draw.normal(channels), groups, epsilon)
  return [y, ops.stopGradient(mean), ops.stopGradient(rstd)]
}

function attend(
  draw: Draw,
  lead: readonly number[],
  [queries, keys, dim, width]: readonly number[],
): readonly Tensor[] {
  const q = draw.normal([...lead, queries as number, dim as number])
  const k = draw.normal([...lead, keys as number, dim as number])
  const v = draw.normal([...lead, keys as number, width as number])
  const { context, logSumExp } = attention(q, k, v, 1 / Math.sqrt(dim as number))
  return [context, ops.stopGradient(logSumExp)]
}

/** A causal mask: 1 above the diagonal, where keys are hidden. */
const upper = (n: number): Tensor =>
  ops.constant(
    Float32Array.from({ length: n * n }, (_, i) => (i % n > Math.floor(i / n) ? 1 : 0)),
    [n, n],
  )

/** Cross attention with drawn parameters under torch's names. */
function masked(draw: Draw, [queries, keys]: readonly [number, number], masks: AttentionMasks): Tensor {
  const scope = rootScope({ param: ({ shape }) => draw.normal(shape, { scale: 0.4 }) })
  const [query, other] = [draw.normal([2, queries, 6]), draw.normal([2, keys, 6])]
  return multiHeadAttention(scope, query, ops.add(other, draw.normal([keys, 6])), other, { heads: 3, ...masks })
}

const step = (d: Draw, shape: readonly number[], decay: number): readonly Tensor[] =>
  adamW(
    d.normal(shape),
    d.normal(shape),
    d.normal(shape, { scale: 0.1 }),
    d.uniform(shape, 0, 0.1),
    { stepSize: d.values([], [0.01]), correction: d.values([], [3]), decay: d.values([], [decay]) },
    { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  ).map(ops.stopGradient)

export const fused: Readonly<Record<string, Case>> = {
  linear: {
    tokens: (d) => linear(d.normal([2, 5, 7]), d.normal([3, 7]), d.normal([3])),
    rows: (d) => linear(d.normal([5, 7]), d.normal([3, 7]), d.normal([3])),
    "without a bias": (d) => linear(d.normal([4, 6]), d.normal([2, 6])),
    "a filled bias before GELU": (d) => gelu(linear(d.normal([4, 6]), d.normal([2, 6]), ops.full([2], 0.5))),
    "a vector": (d) => linear(d.normal([6]), d.normal([2, 6]), d.normal([2])),
    "one in, one out": (d) => linear(d.normal([3, 1]), d.normal([1, 1]), d.normal([1])),
    "larger than a tile": (d) => linear(d.normal([3, 43, 96], { scale: 0.3 }), d.normal([130, 96]), d.normal([130])),
    "any sizes": property(fc.tuple(shapes(1, 3), size, size), (d, [lead, inputs, outputs]) =>
      linear(d.normal([...lead, inputs]), d.normal([outputs, inputs]), d.normal([outputs])),
    ),
  },
  relu: {
    ...activation(relu),
    "at zero": (d) => relu(d.values([3], [0, -0, 1])),
    NaN: (d) =>
      ops.stopGradient(
        relu(
          d.values(
            [17],
            Array.from({ length: 17 }, (_, i) => (i % 5 ? i : Number.NaN)),
          ),
        ),
      ),
  },
  reluGrad: {
    hidden: (d) => ops.stopGradient(reluGrad(d.normal([3, 7]), relu(d.normal([3, 7])))),
    "at zero, and of images": (d) =>
      ops.stopGradient(reluGrad(d.normal([1, 2, 2, 1]), d.values([1, 2, 2, 1], [0, -0, 1, -1]))),
  },
  gelu: activation(gelu),
  "gelu by tanh": activation((x) => gelu(x, { approximate: true })),
  geluGrad: {
    erf: (d) => ops.stopGradient(geluGrad(d.normal([3, 7]), d.normal([3, 7], { scale: 2 }))),
    tanh: (d) => ops.stopGradient(geluGrad(d.normal([3, 7]), d.normal([3, 7], { scale: 2 }), { approximate: true })),
  },
  softmax: {
    scores: (d) => softmax(d.normal([2, 3, 5, 5], { scale: 3 })),
    logits: (d) => softmax(d.normal([4, 10])),
    "a vector": (d) => softmax(d.normal([9])),
    "one class": (d) => softmax(d.normal([3, 1])),
    "far out": (d) => softmax(d.values([2, 3], [1000, 999, -1000, -3e4, -3e4, -3e4])),
    masked: (d) => ops.stopGradient(softmax(d.values([1, 3], [1, Number.NEGATIVE_INFINITY, 2]))),
    "any shape": property(shapes(1, 4), (d, shape) => softmax(d.normal(shape))),
  },
  softmaxGrad: {
    scores: (d) => ops.stopGradient(softmaxGrad(d.normal([2, 3, 5]), rows(d, [2, 3, 5]))),
    "a vector": (d) => ops.stopGradient(softmaxGrad(d.normal([6]), rows(d, [6]))),
  },
  softmaxCrossEntropy: {
    "soft targets": (d) => softmaxCrossEntropy(d.normal([5, 7]), ops.stopGradient(rows(d, [5, 7]))),
    "hard targets": (d) =>
      softmaxCrossEntropy(d.normal([2, 3]), ops.constant(Float32Array.of(0, 1, 0, 1, 0, 0), [2, 3])),
    "targets that do not sum to 1": (d) =>
      softmaxCrossEntropy(d.normal([3, 4]), ops.stopGradient(d.uniform([3, 4], 0, 2))),
    "logits far out": (d) =>
      softmaxCrossEntropy(d.values([2, 3], [800, 0, -800, -900, -901, -902]), ops.full([2, 3], 1 / 3)),
    "one row": (d) => softmaxCrossEntropy(d.normal([1, 5]), ops.full([1, 5], 0.2)),
  },
  layerNorm: {
    tokens: (d) => norm(d, [2, 5, 24]),
    rows: (d) => norm(d, [3, 8]),
    "a vector": (d) => norm(d, [16]),
    "a large epsilon": (d) => norm(d, [4, 6], 0.1),
    "far from zero": (d) => norm(d, [4, 16], 1e-6, 30),
    "odd and wide": (d) => norm(d, [3, 197]),
    "any shape": property(fc.tuple(shapes(0, 3), fc.integer({ min: 4, max: 9 })), (d, [lead, dim]) =>
      norm(d, [...lead, dim], 1e-2),
    ),
  },
  layerNormGrad: {
    "weight alone": (d) => {
      const weight = d.normal([6])
      return layerNorm(ops.stopGradient(d.normal([4, 6])), weight, ops.full([6], 0), 1e-6).y
    },
    "x alone": (d) => layerNorm(d.normal([4, 6]), ops.full([6], 2), ops.full([6], 1), 1e-6).y,
  },
  groupNorm: {
    "groups of neighbours": (d) => grouped(d, [2, 3, 4, 6], 3),
    "one group": (d) => grouped(d, [2, 5, 3, 4], 1),
    "a group a channel": (d) => grouped(d, [1, 4, 4, 5], 5),
    "far from zero": (d) => grouped(d, [2, 4, 4, 8], 2, 1e-6, 30),
    "one place": (d) => grouped(d, [3, 1, 1, 8], 2, 1e-2),
    "any sizes": property(fc.tuple(size, size, size, size, size), (d, [batch, height, width, groups, each]) =>
      grouped(d, [batch, height, width, groups * each], groups, 1e-2),
    ),
  },
  groupNormGrad: {
    "weight alone": (d) => {
      const weight = d.normal([6])
      return groupNorm(ops.stopGradient(d.normal([2, 2, 3, 6])), weight, ops.full([6], 0), 2, 1e-5).y
    },
    "x alone": (d) => groupNorm(d.normal([2, 3, 2, 6]), ops.full([6], 2), ops.full([6], 1), 3, 1e-5).y,
  },
  attention: {
    heads: (d) => attend(d, [2, 3], [5, 5, 4, 4]),
    "one token": (d) => attend(d, [2, 2], [1, 1, 3, 3]),
    "more keys than queries": (d) => attend(d, [1, 2], [3, 7, 4, 5]),
    "without a batch": (d) => attend(d, [], [6, 6, 4, 4]),
    "197 tokens": (d) => attend(d, [1, 1], [197, 197, 16, 16]),
    "801 tokens": (d) => attend(d, [1, 2], [801, 801, 3, 2]),
    "any sizes": property(fc.tuple(shapes(0, 2), fc.tuple(size, size, size, size)), (d, [lead, sizes]) =>
      attend(d, lead, sizes),
    ),
  },
  "masked attention": {
    unmasked: (d) => masked(d, [3, 4], {}),
    "causal, bool": (d) => masked(d, [4, 4], { attentionMask: ops.greater(upper(4), 0.5) }),
    "causal, −∞": (d) =>
      masked(d, [4, 4], { attentionMask: ops.where(ops.greater(upper(4), 0.5), Number.NEGATIVE_INFINITY, 0) }),
    "padded keys": (d) => masked(d, [3, 4], { keyPaddingMask: d.bools([2, 4]) }),
    "padded keys, −∞": (d) =>
      masked(d, [3, 4], { keyPaddingMask: d.values([2, 4], [0, 1.5, Number.NEGATIVE_INFINITY, -2, 0, 0, 0, 0.5]) }),
    "one that sees nothing": (d) =>
      masked(d, [3, 4], {
        keyPaddingMask: ops.greater(ops.constant(Float32Array.of(1, 1, 1, 1, 0, 1, 0, 1), [2, 4]), 0.5),
      }),
    "both, a mask for each head": (d) =>
      masked(d, [3, 4], { keyPaddingMask: d.bools([2, 4]), attentionMask: d.normal([2, 3, 3, 4]) }),
  },
  adamW: {
    "a kernel of one place": (d) => step(d, [3, 2, 1, 1], 0.9),
    matrix: (d) => step(d, [3, 5], 0.99),
    "a scalar": (d) => step(d, [], 1),
    kernel: (d) => step(d, [4, 3, 2, 2], 0.9),
  },
}
