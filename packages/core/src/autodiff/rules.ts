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
  cos,
  div,
  exp,
  full,
  greater,
  matMul,
  mul,
  neg,
  pad,
  reshape,
  sin,
  slice,
  square,
  sub,
  sum,
  transpose,
  where,
} from "../tensor/ops.ts"
import { dimAt, fixed, type Shape, sameShape } from "../tensor/shape.ts"
import type { OpInputs, OpName, OpOutputs, Ops, SingleOp, Tensor } from "../tensor/tensor.ts"

/** A node whose inputs and outputs are symbolic tensors. */
interface Applied<K extends OpName> {
  readonly inputs: OpInputs<Tensor>[K]
  readonly outputs: OpOutputs<Tensor>[K]
  readonly attributes: Ops[K]
}

/** The gradients to an op's outputs: undefined for one of several that nothing reads. */
export type OutputGrads = {
  readonly [K in OpName]: K extends SingleOp ? readonly [Tensor] : OpOutputs<Tensor | undefined>[K]
}

/**
 * The vector-Jacobian product of an op. It takes the gradients to the op's outputs and gives those to its inputs, as
 * functions, so that only the gradients that somebody needs are built. Null stands for an input without a gradient.
 */
export type Rule<K extends OpName> = (grads: OutputGrads[K], node: Applied<K>) => OpInputs<(() => Tensor) | null>[K]

/** Sums a gradient over the axes along which `shape` was broadcast. */
export function sumTo(grad: Tensor, shape: Shape): Tensor {
  if (sameShape(grad.shape, shape)) return grad
  const lead = grad.shape.length - shape.length
  const axes = grad.shape.flatMap((dim, i) => (i < lead || (shape[i - lead] === 1 && dim !== 1) ? [i] : []))
  return reshape(sum(grad, axes), shape)
}

/** The ops with one input and one output. */
type UnaryOp = { readonly [K in SingleOp]: OpInputs<0>[K] extends readonly [0] ? K : never }[SingleOp]

type BroadcastingOp = "add" | "sub" | "mul" | "div" | "maximum"

/** The rule of an op whose inputs broadcast: their gradients are summed to their shapes. */
function broadcasting<K extends BroadcastingOp>(
  grad: (dy: Tensor, inputs: readonly [Tensor, Tensor], y: Tensor) => readonly [() => Tensor, () => Tensor],
): Rule<K> {
  return ([dy], { inputs, outputs: [y] }) => {
    const [da, db] = grad(dy, inputs, y)
    return [() => sumTo(da(), inputs[0].shape), () => sumTo(db(), inputs[1].shape)]
  }
}

function unary<K extends UnaryOp>(grad: (dy: Tensor, x: Tensor, y: Tensor, attributes: Ops[K]) => Tensor): Rule<K> {
  return ([dy], { inputs: [x], outputs: [y], attributes }) => [() => grad(dy, x, y, attributes)]
}

/** A reduced tensor with each reduced axis restored at size 1. */
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
  mul: broadcasting((dy, [a, b]) => [() => mul(dy, b), () => mul(dy, a)]),
  div: broadcasting((dy, [, b], y) => [() => div(dy, b), () => neg(div(mul(dy, y), b))]),
  maximum: broadcasting((dy, [a, b]) => {
    const second = greater(b, a)
    return [() => where(second, 0, dy), () => where(second, dy, 0)]
  }),
  where: ([dy], { inputs: [condition, a, b] }) => [
    null,
    () => sumTo(where(condition, dy, 0), a.shape),
    () => sumTo(where(condition, 0, dy), b.shape),
  ],
  neg: unary((dy) => neg(dy)),
  exp: unary((dy, _, y) => mul(dy, y)),
  log: unary((dy, x) => div(dy, x)),
  sqrt: unary((dy, _, y) => div(mul(dy, 0.5), y)),
  erf: unary((dy, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))),
  sin: unary((dy, x) => mul(dy, cos(x))),
  cos: unary((dy, x) => neg(mul(dy, sin(x)))),
  tanh: unary((dy, _, y) => mul(dy, sub(1, square(y)))),
  cast: unary((dy, x) => cast(dy, x.dtype)),
  reshape: unary((dy, x) => reshape(dy, x.shape)),
  transpose: unary((dy, _x, _y, { permutation }) => {
    const inverse = permutation.map((_, i) => permutation.indexOf(i))
    return transpose(dy, inverse)
  }),
  broadcastTo: unary((dy, x) => sumTo(dy, x.shape)),
  concat: ([dy], { inputs, attributes: { axis } }) => {
    let end = 0
    return inputs.map((part) => {
      const start = end
      end += fixed(part.shape, axis)
      const stop = end
      return () => slice(dy, axis, start, stop)
    })
  },
  split: (grads, { outputs, attributes: { axis } }) => [
    () =>
      concat(
        outputs.map((part, i) => grads[i] ?? full(part.shape, 0)),
        axis,
      ),
  ],
  slice: unary((dy, x, _, { axis, start, end }) => pad(dy, axis, start, fixed(x.shape, axis) - end)),
  pad: unary((dy, x, _, { axis, before }) => slice(dy, axis, before, before + fixed(x.shape, axis))),
  sum: unary((dy, x, _, { axes }) => broadcastTo(unreduced(dy, x, axes), x.shape)),
  max: unary((dy, x, y, { axes }) =>
    where(greater(unreduced(y, x, axes), x), 0, broadcastTo(unreduced(dy, x, axes), x.shape)),
  ),
  matMul: ([dy], { inputs: [a, b], attributes: { transposeA, transposeB } }) => [
    () =>
      transposeA
        ? matMul(b, dy, { transposeA: transposeB, transposeB: true })
        : matMul(dy, b, { transposeB: !transposeB }),
    () =>
      transposeB
        ? matMul(dy, a, { transposeA: true, transposeB: transposeA })
        : matMul(a, dy, { transposeA: !transposeA }),
  ],
  barrier: unary((dy) => dy),

  linear: ([dy], { inputs: [x, weight, bias] }) => {
    const rows = asRows(dy)
    return [
      () => reshape(matMul(rows, weight), x.shape),
      () => matMul(rows, asRows(x), ta),
      ...(bias ? [() => sum(rows, [0])] : []),
    ]
  },
  // From the output, which the ops that read it keep anyway.
  relu: unary((dy, _, y) => reluGrad(dy, y)),
  gelu: unary((dy, x, _, attributes) => geluGrad(dy, x, attributes)),
  softmax: unary((dy, _, y) => softmaxGrad(dy, y)),
  softmaxCrossEntropy: ([dy], { inputs: [logits, targets] }) => [
    () => {
      const row = reshape(dy, [dimAt(logits.shape, 0), 1])
      return mul(sub(mul(softmax(logits), sum(targets, [1], true)), targets), row)
    },
    null,
  ],
  layerNorm: (grads, { inputs: [x, weight], outputs: [, mean, rstd] }) => {
    const dy = toFirst("layerNorm", grads)
    return together(() => layerNormGrad(dy, x, weight, mean, rstd))
  },
  groupNorm: (grads, { inputs: [x, weight], outputs: [, mean, rstd], attributes: { groups } }) => {
    const dy = toFirst("groupNorm", grads)
    return together(() => groupNormGrad(dy, x, weight, { mean, rstd }, groups))
  },
  attention: (grads, { inputs: [q, k, v], outputs: [context, logSumExp], attributes: { scale } }) => {
    const dy = toFirst("attention", grads)
    return together(() => attentionGrad(dy, q, k, v, { context, logSumExp }, scale))
  },

  conv2d: ([dy], { inputs: [x, weight], attributes }) => [
    () => conv2dInputGrad(dy, weight, x.shape, attributes),
    () => conv2dWeightGrad(dy, x, weight.shape, attributes),
  ],
  maxPool2d: (grads, { inputs: [{ shape }], outputs: [, indices] }) => {
    const dy = toFirst("maxPool2d", grads)
    const places = (image: Shape): number => fixed(image, 1) * fixed(image, 2)
    const flat = (t: Tensor): Tensor => reshape(t, [dimAt(t.shape, 0), places(t.shape), fixed(t.shape, 3)])
    return [() => reshape(scatterAdd(flat(dy), flat(indices), places(shape)), shape)]
  },
  gather: ([dy], { inputs: [x, indices] }) => [() => scatterAdd(dy, indices, fixed(x.shape, 1)), null],
  scatterAdd: ([dy], { inputs: [, indices] }) => [() => gather(dy, indices), null],
}

/**
 * The gradient to the first output. The op's other outputs exist only for its gradient, so they have no gradient
 * themselves.
 */
function toFirst(op: OpName, [dy, ...others]: readonly (Tensor | undefined)[]): Tensor {
  if (dy === undefined || others.some((grad) => grad !== undefined))
    throw new VitrineError("shape", `gradients: ${op} passes gradients on from its first output alone`)
  return dy
}

/** The three gradients of one op as functions. The first call makes the op, the others share it. */
function together(make: () => readonly [Tensor, Tensor, Tensor]): readonly [() => Tensor, () => Tensor, () => Tensor] {
  let cached: readonly [Tensor, Tensor, Tensor] | undefined
  const grads = (): readonly [Tensor, Tensor, Tensor] => (cached ??= make())
  return [() => grads()[0], () => grads()[1], () => grads()[2]]
}
