import type { DType, OpName, Ops } from "@vitrine/core"
import { convolutionKernels } from "./convolution.ts"
import type { Emitter, Value } from "./emitter.ts"

export interface Output {
  readonly shape: readonly number[]
  readonly dtype: DType
  /** Whether anything reads it. */
  readonly used: boolean
}

/** One op as ONNX nodes: from the inputs to the outputs, each a name or a scaled value. */
export type OnnxKernel<K extends OpName> = (
  e: Emitter,
  inputs: readonly Value[],
  attributes: Ops[K],
  outputs: readonly Output[],
) => readonly (string | Scaled)[]

interface Scaled {
  readonly of: string
  readonly scale: number
}

export type OnnxKernels = { readonly [K in OpName]?: OnnxKernel<K> }

const count = (shape: readonly number[]): number => shape.reduce((n, dim) => n * dim, 1)
const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i])

/** The name to use where broadcasting is allowed: a fill is one number if the others still give the output's shape. */
function operand(e: Emitter, value: Value, others: readonly Value[], output: Output): string {
  const spare = value.fill !== undefined && others.some(({ shape }) => same(shape, output.shape))
  return spare ? e.scalar(value.fill as number) : e.elements(value)
}

function elementwise<K extends OpName>(op: string): OnnxKernel<K> {
  return (e, inputs, _, [output]) => [
    e.one(
      op,
      inputs.map((value) =>
        operand(
          e,
          value,
          inputs.filter((other) => other !== value),
          output as Output,
        ),
      ),
    ),
  ]
}

function unary<K extends OpName>(op: string): OnnxKernel<K> {
  return (e, [x]) => [e.one(op, [e.elements(x as Value)])]
}

/** An op that commutes with scaling. */
function linearUnary<K extends OpName>(
  apply: (e: Emitter, x: string, attributes: Ops[K], output: Output, shape: readonly number[]) => string,
): OnnxKernel<K> {
  return (e, [x], attributes, [output]) => {
    const value = x as Value
    const plain = value.fill === undefined ? value : { ...value, of: e.elements(value), scale: 1 }
    return [{ of: apply(e, plain.of, attributes, output as Output, value.shape), scale: plain.scale }]
  }
}

/** A factor that may be moved to another place in a product without losing NaN or overflowing. */
const movable = (factor: number): boolean => Math.abs(factor) > 1e-20 && Math.abs(factor) < 1e20

const elementTypes = { float32: 1, int32: 6, bool: 9, float16: 10, bfloat16: 16 } as const

/** A value's elements before scaling, and the scale; a fill in full. */
function plain(e: Emitter, value: Value): Scaled {
  return value.fill === undefined ? value : { of: e.elements(value), scale: 1 }
}

function product(e: Emitter, a: Value, b: Value, { transposeA, transposeB }: Ops["matMul"]): string {
  const [x, y] = [plain(e, a), plain(e, b)]
  const absorbs = movable(x.scale * y.scale)
  const names = absorbs ? [x.of, y.of] : [e.elements(a), e.elements(b)]
  const alpha = absorbs ? x.scale * y.scale : 1
  const attributes = { transA: Number(transposeA), transB: Number(transposeB), alpha: { float: alpha } }
  if (a.shape.length === 2) return e.one("Gemm", names, { attributes })
  if (!transposeA && !transposeB && alpha === 1) return e.one("MatMul", names)
  if (e.contrib) return e.one("FusedMatMul", names, { attributes, domain: "com.microsoft" })
  const perm = a.shape.map((_, i) => i)
  perm.push(...perm.splice(-2).reverse())
  const factors = names.map((name, i) =>
    (i === 0 ? transposeA : transposeB) ? e.one("Transpose", [name], { attributes: { perm } }) : name,
  )
  const made = e.one("MatMul", factors)
  return alpha === 1 ? made : e.one("Mul", [made, e.scalar(alpha)])
}

export const kernels: OnnxKernels = {
  add: elementwise("Add"),
  sub: elementwise("Sub"),
  mul: (e, [a, b], _, [output]) => {
    const [x, y, out] = [a as Value, b as Value, output as Output]
    for (const [value, factor] of [
      [x, y],
      [y, x],
    ] as const)
      if (
        factor.fill !== undefined &&
        value.fill === undefined &&
        same(value.shape, out.shape) &&
        movable(factor.fill * value.scale)
      )
        return [{ of: value.of, scale: value.scale * factor.fill }]
    // A factor that is not broadcast may wait: it may meet a matrix product, or another factor.
    const waits = (value: Value): boolean => value.fill === undefined && same(value.shape, out.shape)
    const scale = (waits(x) ? x.scale : 1) * (waits(y) ? y.scale : 1)
    if (!movable(scale)) return [e.one("Mul", [operand(e, x, [y], out), operand(e, y, [x], out)])]
    const name = (value: Value, other: Value): string => (waits(value) ? value.of : operand(e, value, [other], out))
    return [{ of: e.one("Mul", [name(x, y), name(y, x)]), scale }]
  },
  div: elementwise("Div"),
  maximum: elementwise("Max"),
  greater: elementwise("Greater"),
  where: elementwise("Where"),
  neg: (e, [x]) => {
    const value = x as Value
    return value.fill === undefined ? [{ of: value.of, scale: -value.scale }] : [e.one("Neg", [e.elements(value)])]
  },
  exp: unary("Exp"),
  log: unary("Log"),
  sqrt: unary("Sqrt"),
  erf: unary("Erf"),
  tanh: unary("Tanh"),
  isFinite: (e, [x]) => [e.one("Less", [e.one("Abs", [e.elements(x as Value)]), e.scalar(Number.POSITIVE_INFINITY)])],
  cast: (e, [x], _, [output]) => [
    e.one("Cast", [e.elements(x as Value)], { attributes: { to: elementTypes[(output as Output).dtype] } }),
  ],

  reshape: linearUnary((e, x, _, { shape }) => e.one("Reshape", [x, e.ints(shape)])),
  transpose: linearUnary((e, x, { permutation }) => e.one("Transpose", [x], { attributes: { perm: permutation } })),
  broadcastTo: linearUnary((e, x, _, { shape }) => e.one("Expand", [x, e.ints(shape)])),
  concat: (e, inputs, { axis }) => [
    e.one(
      "Concat",
      inputs.map((value) => e.elements(value)),
      { attributes: { axis } },
    ),
  ],
  split: (e, [x], { axis, parts }) => {
    const { of, scale } = plain(e, x as Value)
    const names = e.node("Split", [of], parts, { attributes: { axis, num_outputs: parts } })
    return names.map((name) => ({ of: name, scale }))
  },
  slice: linearUnary((e, x, { axis, start, end }) =>
    e.one("Slice", [x, e.ints([start]), e.ints([end]), e.ints([axis])]),
  ),
  pad: linearUnary((e, x, { axis, before, after }, { shape }) => {
    const pads = [...shape.map(() => 0), ...shape.map(() => 0)]
    pads[axis] = before
    pads[shape.length + axis] = after
    return e.one("Pad", [x, e.ints(pads)])
  }),

  sum: linearUnary((e, x, { axes, keepDims }, output, shape) => {
    const leading = axes.every((axis, i) => axis === i) && axes.length < shape.length
    if (!leading) return e.one("ReduceSum", [x, e.ints(axes)], { attributes: { keepdims: Number(keepDims) } })
    const rows = count(shape.slice(0, axes.length))
    const columns = count(shape.slice(axes.length))
    const matrix = e.one("Reshape", [x, e.ints([rows, columns])])
    return e.one("Reshape", [e.one("MatMul", [e.ones([1, rows]), matrix]), e.ints(output.shape)])
  }),
  max: (e, [x], { axes, keepDims }) => [
    e.one("ReduceMax", [e.elements(x as Value), e.ints(axes)], { attributes: { keepdims: Number(keepDims) } }),
  ],
  matMul: (e, [a, b], attributes) => [product(e, a as Value, b as Value, attributes)],
  barrier: unary("Identity"),

  linear: (e, [x, weight, bias], _, [output]) => {
    const [input, w] = [x as Value, weight as Value]
    const { of, scale } = plain(e, input)
    const inputs = w.shape[1] as number
    const rows = e.one("Reshape", [of, e.ints([count(input.shape) / inputs, inputs])])
    const names = [rows, e.elements(w), ...(bias ? [e.elements(bias)] : [])]
    const made = e.one("Gemm", names, { attributes: { transB: 1, alpha: { float: scale } } })
    return [e.one("Reshape", [made, e.ints((output as Output).shape)])]
  },
  relu: unary("Relu"),
  softmax: (e, [x]) => [e.one("Softmax", [e.elements(x as Value)], { attributes: { axis: -1 } })],
  softmaxCrossEntropy: (e, [logits, targets]) => {
    const logProbabilities = e.one("LogSoftmax", [e.elements(logits as Value)], { attributes: { axis: -1 } })
    const weighted = e.one("Mul", [logProbabilities, e.elements(targets as Value)])
    return [{ of: e.one("ReduceSum", [weighted, e.ints([1])], { attributes: { keepdims: 0 } }), scale: -1 }]
  },
  layerNorm: (e, inputs, { epsilon }, outputs) => {
    const names = inputs.map((value) => e.elements(value))
    const made = e.node("LayerNormalization", names, outputs.slice(1).some(({ used }) => used) ? 3 : 1, {
      attributes: { axis: -1, epsilon: { float: epsilon } },
    })
    return outputs.map((_, i) => made[i] ?? "")
  },
  ...convolutionKernels,
}
