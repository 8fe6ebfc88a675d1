import { dimAt, fixed, type Shape } from "@vitrine/core"
import { type Ops, product, sameShape } from "@vitrine/core/backend"
import { attentionKernels } from "./attention.ts"
import { convolutionKernels } from "./convolution.ts"
import { type Emitter, onesBeside, type Value } from "./emitter.ts"
import { gelu, geluGrad } from "./gelu.ts"
import { type OnnxKernel, type OnnxKernels, type Output, unscaled } from "./kernel.ts"

type UnaryKernel = (e: Emitter, inputs: readonly [x: Value]) => readonly [string]
type ElementwiseKernel = (
  e: Emitter,
  inputs: readonly Value[],
  attributes: unknown,
  outputs: readonly [Output],
) => readonly [string]

/**
 * The name of an operand that may broadcast. A fill becomes one number if other operands still give the output's shape.
 */
function operand(e: Emitter, value: Value, others: readonly Value[], { shape }: Output): string {
  const spare = value.fill !== undefined && others.some((other) => sameShape(other.shape, shape))
  return spare ? e.scalar(value.fill, shape) : e.elements(value)
}

function elementwise(op: string): ElementwiseKernel {
  return (e, inputs, _, [output]) => {
    const others = (value: Value): Value[] => inputs.filter((other) => other !== value)
    const operands = inputs.map((value) => operand(e, value, others(value), output))
    return [e.one(op, operands)]
  }
}

function unary(op: string): UnaryKernel {
  return (e, [x]) => [e.one(op, [e.elements(x)])]
}

/** Ops that commute with scaling. */
type LinearOp = "reshape" | "transpose" | "broadcastTo" | "slice" | "pad" | "sum"

function linearUnary<K extends LinearOp>(
  apply: (e: Emitter, x: string, attributes: Ops[K], output: Output, shape: Shape) => string,
): OnnxKernel<K> {
  return (e, [x], attributes, [output]) => {
    const { of, scale } = unscaled(e, x)
    return [{ of: apply(e, of, attributes, output, x.shape), scale }]
  }
}

/** Whether a factor can move within a product without causing NaN or overflow. */
const movable = (factor: number): boolean => Math.abs(factor) > 1e-20 && Math.abs(factor) < 1e20

function matrixProduct(e: Emitter, a: Value, b: Value, { transposeA, transposeB }: Ops["matMul"]): string {
  const [x, y] = [unscaled(e, a), unscaled(e, b)]
  const absorbs = movable(x.scale * y.scale)
  const names = absorbs ? [x.of, y.of] : [e.elements(a), e.elements(b)]
  const alpha = absorbs ? x.scale * y.scale : 1
  const attributes = { transA: Number(transposeA), transB: Number(transposeB), alpha: { float: alpha } }
  if (a.shape.length === 2) return e.one("Gemm", names, { attributes })
  if (!transposeA && !transposeB && alpha === 1) return e.one("MatMul", names)
  if (!e.portable) return e.one("FusedMatMul", names, { attributes, domain: "com.microsoft" })
  const perm = a.shape.map((_, i) => i)
  perm.push(...perm.splice(-2).reverse())
  const factors = names.map((name, i) =>
    (i === 0 ? transposeA : transposeB) ? e.one("Transpose", [name], { attributes: { perm } }) : name,
  )
  const unscaledProduct = e.one("MatMul", factors)
  return alpha === 1 ? unscaledProduct : e.one("Mul", [unscaledProduct, e.scalar(alpha)])
}

export const kernels: OnnxKernels = {
  add: elementwise("Add"),
  sub: elementwise("Sub"),
  mul: (e, [x, y], _, [output]) => {
    const whole = (value: Value): boolean => value.fill === undefined && sameShape(value.shape, output.shape)
    for (const [value, { fill }] of [
      [x, y],
      [y, x],
    ] as const)
      if (fill !== undefined && whole(value) && movable(fill * value.scale))
        return [{ of: value.of, scale: value.scale * fill }]
    // The scale of an operand that does not broadcast stays symbolic. A later matrix product or another scale may
    // absorb it.
    const scale = (whole(x) ? x.scale : 1) * (whole(y) ? y.scale : 1)
    if (!movable(scale)) return [e.one("Mul", [operand(e, x, [y], output), operand(e, y, [x], output)])]
    const name = (value: Value, other: Value): string => (whole(value) ? value.of : operand(e, value, [other], output))
    return [{ of: e.one("Mul", [name(x, y), name(y, x)]), scale }]
  },
  div: elementwise("Div"),
  maximum: elementwise("Max"),
  greater: elementwise("Greater"),
  where: elementwise("Where"),
  neg: (e, [x]) => (x.fill === undefined ? [{ of: x.of, scale: -x.scale }] : [e.one("Neg", [e.elements(x)])]),
  exp: unary("Exp"),
  log: unary("Log"),
  sqrt: unary("Sqrt"),
  erf: unary("Erf"),
  sin: unary("Sin"),
  cos: unary("Cos"),
  tanh: unary("Tanh"),
  isFinite: (e, [x]) => [e.one("Less", [e.one("Abs", [e.elements(x)]), e.scalar(Number.POSITIVE_INFINITY)])],
  cast: (e, [x], _, [{ dtype }]) => [e.cast(e.elements(x), dtype)],

  reshape: linearUnary((e, x, _, { shape }, from) => e.reshape(x, from, shape)),
  transpose: linearUnary((e, x, { permutation }) => e.one("Transpose", [x], { attributes: { perm: permutation } })),
  broadcastTo: linearUnary((e, x, _, { shape }) => e.one("Expand", [x, e.dims(shape)])),
  concat: (e, parts, { axis }) => {
    const names = parts.map((value) => e.elements(value))
    return [e.one("Concat", names, { attributes: { axis } })]
  },
  split: (e, [x], { axis, parts }) => {
    const { of, scale } = unscaled(e, x)
    const attributes = e.portable ? { axis } : { axis, num_outputs: parts }
    const names = e.node("Split", [of], parts, { attributes })
    return names.map((name) => ({ of: name, scale }))
  },
  slice: linearUnary((e, x, { axis, start, end }) =>
    e.one("Slice", [x, e.ints([start]), e.ints([end]), e.ints([axis])]),
  ),
  pad: linearUnary((e, x, { axis, before, after }, { shape }) => {
    const along = (size: number): number[] => shape.map((_, i) => (i === axis ? size : 0))
    return e.one("Pad", [x, e.ints([...along(before), ...along(after)])])
  }),

  sum: linearUnary((e, x, { axes, keepDims }, output, shape) => {
    const leading = axes.every((axis, i) => axis === i) && axes.length < shape.length
    // A product can sum rows only if their number is known.
    const open = axes.includes(0) && typeof shape[0] === "string"
    if (!leading || open) return e.one("ReduceSum", [x, e.ints(axes)], { attributes: { keepdims: Number(keepDims) } })
    const [rows, columns] = [product(shape.slice(0, axes.length)), product(shape.slice(axes.length))]
    const sums = e.one("MatMul", [e.ones([1, rows]), e.reshape(x, shape, [rows, columns])])
    return e.reshape(sums, [1, columns], output.shape)
  }),
  max: (e, [x], { axes, keepDims }) => {
    const [names, keepdims] = [[e.elements(x)], Number(keepDims)]
    return e.portable
      ? [e.one("ReduceMax", names, { attributes: { axes, keepdims } })]
      : [e.one("ReduceMax", [...names, e.ints(axes)], { attributes: { keepdims } })]
  },
  matMul: (e, [a, b], attributes) => [matrixProduct(e, a, b, attributes)],
  barrier: unary("Identity"),

  linear: (e, [x, weight, bias], _, [output]) => {
    const { of, scale } = unscaled(e, x)
    const [outputs, inputs] = [dimAt(weight.shape, 0), dimAt(weight.shape, 1)]
    const rows = product(x.shape.slice(0, -1))
    const { readers } = output
    // If only GELU and its gradient read the result, the layer computes x / √2, the argument of the error function.
    const halves = readers.includes("geluGrad") && readers.every((op) => op === "gelu" || op === "geluGrad")
    const factor = halves ? Math.SQRT1_2 : 1
    const attributes = { transB: 1, alpha: { float: scale * factor } }
    const products = e.one("Gemm", [e.reshape(of, x.shape, [rows, inputs]), e.elements(weight)], { attributes })
    // The bias is not the third input of Gemm, since ONNX Runtime would copy it on one thread.
    const sums = bias ? e.one("Add", [products, e.elements({ ...bias, scale: bias.scale * factor })]) : products
    return [{ of: e.reshape(sums, [rows, outputs], output.shape), scale: 1 / factor }]
  },
  relu: unary("Relu"),
  reluGrad: (e, [dy, y]) => {
    const { of, scale } = unscaled(e, dy)
    // 0 or 1: the slope is so steep that every y above the denormal numbers gives 1. Where is slower.
    const passes = e.one("HardSigmoid", [e.elements(y)], { attributes: { alpha: { float: 3e38 }, beta: { float: 0 } } })
    return [{ of: e.one("Mul", [of, passes]), scale }]
  },
  gelu: (e, [x], { approximate }) => gelu(e, x, approximate),
  geluGrad: (e, [dy, x], { approximate }) => geluGrad(e, dy, x, approximate),
  softmax: (e, [x]) => [e.one("Softmax", [e.elements(x)], { attributes: { axis: -1 } })],
  softmaxCrossEntropy: (e, [logits, targets]) => {
    const logProbabilities = e.one("LogSoftmax", [e.elements(logits)], { attributes: { axis: -1 } })
    const weighted = e.one("Mul", [logProbabilities, e.elements(targets)])
    return [{ of: e.one("ReduceSum", [weighted, e.ints([1])], { attributes: { keepdims: 0 } }), scale: -1 }]
  },
  layerNorm: (e, [x, weight, bias], { epsilon }, [, mean, rstd]) => {
    const names = [e.elements(x), e.elements(weight), e.elements(bias)]
    const attributes = { axis: -1, epsilon: { float: epsilon } }
    return mean.readers.length + rstd.readers.length > 0
      ? e.node("LayerNormalization", names, 3, { attributes })
      : [e.one("LayerNormalization", names, { attributes }), "", ""]
  },
  layerNormGrad: (e, [dy, x, weight, mean, rstd]) => {
    const { shape } = dy
    const dim = fixed(shape, -1)
    const rows = product(shape.slice(0, -1))
    const matrix = (value: Value): string => e.reshape(e.elements(value), shape, [rows, dim])
    const column = (value: Value): string => e.reshape(e.elements(value), value.shape, [rows, 1])
    const gain = e.elements(weight)
    const [d, scale] = [matrix(dy), column(rstd)]
    const centred = e.one("Sub", [matrix(x), column(mean)])
    const along = e.one("Mul", [d, centred])
    // Means over each row as matrix products with weight / dim.
    const w = e.one("Mul", [e.reshape(gain, [dim], [dim, 1]), e.scalar(1 / dim)])
    const k = e.one("Mul", [e.one("MatMul", [along, w]), e.one("Mul", [scale, scale])])
    const flat = e.one("Sub", [e.one("Mul", [d, gain]), e.one("MatMul", [d, w])])
    const dx = e.one("Mul", [e.one("Sub", [flat, e.one("Mul", [centred, k])]), scale])
    const dweight = e.one("MatMul", [e.reshape(scale, [rows, 1], [1, rows]), along])
    const dbias = e.one("MatMul", [e.ones([1, rows]), d])
    return [e.reshape(dx, [rows, dim], shape), e.reshape(dweight, [1, dim], [dim]), e.reshape(dbias, [1, dim], [dim])]
  },
  adamW: (e, [parameter, gradient, m, v, stepSize, correction, decay], { beta1, beta2, epsilon }) => {
    const { shape } = parameter
    const number = (value: number): string => e.scalar(value, shape)
    const scalar = (value: Value): string => e.reshape(e.elements(value), [], onesBeside(shape))
    const scaled = (x: string, by: number): string => e.one("Mul", [x, number(by)])
    const [p, g] = [e.elements(parameter), e.elements(gradient)]
    const m2 = e.one("Add", [scaled(e.elements(m), beta1), scaled(g, 1 - beta1)])
    const v2 = e.one("Add", [scaled(e.elements(v), beta2), scaled(e.one("Mul", [g, g]), 1 - beta2)])
    const root = e.one("Mul", [e.one("Sqrt", [v2]), scalar(correction)])
    const change = e.one("Div", [e.one("Mul", [m2, scalar(stepSize)]), e.one("Add", [root, number(epsilon)])])
    return [e.one("Sub", [e.one("Mul", [p, scalar(decay)]), change]), m2, v2]
  },
  ...attentionKernels,
  ...convolutionKernels,
}
