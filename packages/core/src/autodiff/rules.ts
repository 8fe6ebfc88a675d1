import { VitrineError } from "../errors.ts"
import { asRows } from "../graph/decompose.ts"
import { conv2dInputGrad, conv2dWeightGrad, gather, scatterAdd } from "../tensor/convolution.ts"
import {
  attentionGrad,
  geluGrad,
  groupNormGrad,
  layerNormGrad,
  reluGrad,
  softmax,
  softmaxGrad,
} from "../tensor/fused.ts"
import {
  broadcastTo,
  cast,
  concat,
  div,
  exp,
  full,
  greater,
  matMul,
  mul,
  neg,
  pad,
  reshape,
  slice,
  square,
  sub,
  sum,
  transpose,
  where,
} from "../tensor/ops.ts"
import { fixed, product, type Shape, sameShape } from "../tensor/shape.ts"
import type { OpName, Ops, Tensor } from "../tensor/tensor.ts"

/** A node as a rule sees it: its inputs, outputs and attributes as symbolic tensors. */
interface Applied<K extends OpName> {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly attributes: Ops[K]
}

/**
 * The vector-Jacobian product of an op: from the gradients to its outputs (undefined where nothing reads an output)
 * the gradients to its inputs, as thunks so that none is built in vain; null where there is none.
 */
export type Rule<K extends OpName = OpName> = (
  grads: readonly (Tensor | undefined)[],
  node: Applied<K>,
) => readonly ((() => Tensor) | null)[]

/** Sums a gradient over the axes along which `shape` was broadcast. */
export function sumTo(grad: Tensor, shape: Shape): Tensor {
  if (sameShape(grad.shape, shape)) return grad
  const lead = grad.shape.length - shape.length
  const axes = grad.shape.flatMap((dim, i) => (i < lead || (shape[i - lead] === 1 && dim !== 1) ? [i] : []))
  return reshape(sum(grad, axes), shape)
}

/** A rule for an op with one output, every input of which has a gradient of the given form, summed to its shape. */
function broadcasting<K extends OpName>(
  grad: (dy: Tensor, inputs: readonly Tensor[], y: Tensor) => readonly (() => Tensor)[],
): Rule<K> {
  return ([dy], { inputs, outputs }) =>
    grad(dy as Tensor, inputs, outputs[0] as Tensor).map((make, i) => () => sumTo(make(), (inputs[i] as Tensor).shape))
}

function simple<K extends OpName>(grad: (dy: Tensor, x: Tensor, y: Tensor, attributes: Ops[K]) => Tensor): Rule<K> {
  return ([dy], { inputs, outputs, attributes }) => [
    () => grad(dy as Tensor, inputs[0] as Tensor, outputs[0] as Tensor, attributes),
  ]
}

/** A reduced tensor with its axes back as ones. */
function unreduced(t: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  return reshape(
    t,
    x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim)),
  )
}

const ta = { transposeA: true }

export const rules: { readonly [K in OpName]?: Rule<K> } = {
  add: broadcasting((dy) => [() => dy, () => dy]),
  sub: broadcasting((dy) => [() => dy, () => neg(dy)]),
  mul: broadcasting((dy, [a, b]) => [() => mul(dy, b as Tensor), () => mul(dy, a as Tensor)]),
  div: broadcasting((dy, [, b], y) => [() => div(dy, b as Tensor), () => neg(div(mul(dy, y), b as Tensor))]),
  maximum: broadcasting((dy, [a, b]) => {
    const second = greater(b as Tensor, a as Tensor)
    return [() => where(second, 0, dy), () => where(second, dy, 0)]
  }),
  where: ([dy], { inputs: [condition, a, b] }) => [
    null,
    () => sumTo(where(condition as Tensor, dy as Tensor, 0), (a as Tensor).shape),
    () => sumTo(where(condition as Tensor, 0, dy as Tensor), (b as Tensor).shape),
  ],
  neg: simple((dy) => neg(dy)),
  exp: simple((dy, _, y) => mul(dy, y)),
  log: simple((dy, x) => div(dy, x)),
  sqrt: simple((dy, _, y) => div(mul(dy, 0.5), y)),
  erf: simple((dy, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))),
  tanh: simple((dy, _, y) => mul(dy, sub(1, square(y)))),
  cast: simple((dy, x) => cast(dy, x.dtype)),
  reshape: simple((dy, x) => reshape(dy, x.shape)),
  transpose: simple((dy, _x, _y, { permutation }) => {
    const inverse = permutation.map((_, i) => permutation.indexOf(i))
    return transpose(dy, inverse)
  }),
  broadcastTo: simple((dy, x) => sumTo(dy, x.shape)),
  concat: ([dy], { inputs, attributes: { axis } }) => {
    let end = 0
    return inputs.map((part) => {
      const start = end
      end += fixed(part.shape, axis)
      const stop = end
      return () => slice(dy as Tensor, axis, start, stop)
    })
  },
  split: (grads, { outputs, attributes: { axis } }) => [
    () =>
      concat(
        outputs.map((part, i) => grads[i] ?? full(part.shape, 0)),
        axis,
      ),
  ],
  slice: simple((dy, x, _, { axis, start, end }) => pad(dy, axis, start, fixed(x.shape, axis) - end)),
  pad: simple((dy, x, _, { axis, before }) => slice(dy, axis, before, before + fixed(x.shape, axis))),
  sum: simple((dy, x, _, { axes }) => broadcastTo(unreduced(dy, x, axes), x.shape)),
  max: simple((dy, x, y, { axes }) =>
    where(greater(unreduced(y, x, axes), x), 0, broadcastTo(unreduced(dy, x, axes), x.shape)),
  ),
  matMul: ([dy], { inputs, attributes: { transposeA, transposeB } }) => {
    const [d, a, b] = [dy as Tensor, inputs[0] as Tensor, inputs[1] as Tensor]
    return [
      () =>
        transposeA
          ? matMul(b, d, { transposeA: transposeB, transposeB: true })
          : matMul(d, b, { transposeB: !transposeB }),
      () =>
        transposeB
          ? matMul(d, a, { transposeA: true, transposeB: transposeA })
          : matMul(a, d, { transposeA: !transposeA }),
    ]
  },
  barrier: simple((dy) => dy),

  linear: ([dy], { inputs: [x, weight, bias] }) => {
    const rows = asRows(dy as Tensor)
    return [
      () => reshape(matMul(rows, weight as Tensor), (x as Tensor).shape),
      () => matMul(rows, asRows(x as Tensor), ta),
      ...(bias ? [() => sum(rows, [0])] : []),
    ]
  },
  // From the output, which is kept anyway by what reads it.
  relu: simple((dy, _, y) => reluGrad(dy, y)),
  gelu: simple((dy, x, _, attributes) => geluGrad(dy, x, attributes)),
  softmax: simple((dy, _, y) => softmaxGrad(dy, y)),
  softmaxCrossEntropy: ([dy], { inputs: [logits, targets] }) => [
    () => {
      const [z, t] = [logits as Tensor, targets as Tensor]
      const row = reshape(dy as Tensor, [product(z.shape.slice(0, 1)), 1])
      return mul(sub(mul(softmax(z), sum(t, [1], true)), t), row)
    },
    null,
  ],
  layerNorm: (given, { inputs: [x, weight], outputs: [, mean, rstd] }) => {
    const dy = only("layerNorm", given)
    const grads = memo(() => layerNormGrad(dy, x as Tensor, weight as Tensor, mean as Tensor, rstd as Tensor))
    return [() => grads()[0], () => grads()[1], () => grads()[2]]
  },
  groupNorm: (given, { inputs: [x, weight], outputs: [, mean, rstd], attributes: { groups } }) => {
    const dy = only("groupNorm", given)
    const of = { mean: mean as Tensor, rstd: rstd as Tensor }
    const grads = memo(() => groupNormGrad(dy, x as Tensor, weight as Tensor, of, groups))
    return [() => grads()[0], () => grads()[1], () => grads()[2]]
  },
  attention: (given, { inputs, outputs, attributes: { scale } }) => {
    const dy = only("attention", given)
    const [q, k, v] = inputs as [Tensor, Tensor, Tensor]
    const attended = { context: outputs[0] as Tensor, logSumExp: outputs[1] as Tensor }
    const grads = memo(() => attentionGrad(dy, q, k, v, attended, scale))
    return [() => grads()[0], () => grads()[1], () => grads()[2]]
  },

  conv2d: ([dy], { inputs: [x, weight], attributes }) => [
    () => conv2dInputGrad(dy as Tensor, weight as Tensor, (x as Tensor).shape, attributes),
    () => conv2dWeightGrad(dy as Tensor, x as Tensor, (weight as Tensor).shape, attributes),
  ],
  maxPool2d: ([dy], { inputs: [x], outputs: [, indices] }) => [
    () => {
      const { shape } = x as Tensor
      const rows = fixed(shape, 1) * fixed(shape, 2)
      const flat = (t: Tensor): Tensor =>
        reshape(t, [t.shape[0] as number, fixed(t.shape, 1) * fixed(t.shape, 2), fixed(t.shape, 3)])
      return reshape(scatterAdd(flat(dy as Tensor), flat(indices as Tensor), rows), shape)
    },
  ],
  gather: ([dy], { inputs: [x, indices] }) => [
    () => scatterAdd(dy as Tensor, indices as Tensor, fixed((x as Tensor).shape, 1)),
    null,
  ],
  scatterAdd: ([dy], { inputs: [, indices] }) => [() => gather(dy as Tensor, indices as Tensor), null],
}

/** The gradient to the first output, where the others are there for the rule alone and have none. */
function only(op: OpName, [dy, ...others]: readonly (Tensor | undefined)[]): Tensor {
  if (dy === undefined || others.some((grad) => grad !== undefined))
    throw new VitrineError("shape", `gradients: ${op} passes gradients on from its first output alone`)
  return dy
}

function memo<T>(make: () => T): () => T {
  let value: T | undefined
  return () => (value ??= make())
}
