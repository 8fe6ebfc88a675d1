import { type DType, type OpName, type Ops, product, sameShape, type Shape } from "@vitrine/core"
import { convolutionKernels } from "./convolution.ts"
import { type Emitter, onesBeside, type Value } from "./emitter.ts"

export interface Output {
  readonly shape: Shape
  readonly dtype: DType
  /** The ops that read it; `output` where it leaves the graph. */
  readonly readers: readonly (OpName | "output")[]
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

/** The name to use where broadcasting is allowed: a fill is one number if the others still give the output's shape. */
function operand(e: Emitter, value: Value, others: readonly Value[], output: Output): string {
  const spare = value.fill !== undefined && others.some(({ shape }) => sameShape(shape, output.shape))
  return spare ? e.scalar(value.fill, output.shape) : e.elements(value)
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
  apply: (e: Emitter, x: string, attributes: Ops[K], output: Output, shape: Shape) => string,
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

function matrixProduct(e: Emitter, a: Value, b: Value, { transposeA, transposeB }: Ops["matMul"]): string {
  const [x, y] = [plain(e, a), plain(e, b)]
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
        sameShape(value.shape, out.shape) &&
        movable(factor.fill * value.scale)
      )
        return [{ of: value.of, scale: value.scale * factor.fill }]
    // A factor that is not broadcast may wait: it may meet a matrix product, or another factor.
    const waits = (value: Value): boolean => value.fill === undefined && sameShape(value.shape, out.shape)
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

  reshape: linearUnary((e, x, _, { shape }, from) => e.reshape(x, from, shape)),
  transpose: linearUnary((e, x, { permutation }) => e.one("Transpose", [x], { attributes: { perm: permutation } })),
  broadcastTo: linearUnary((e, x, _, { shape }) => e.one("Expand", [x, e.dims(shape)])),
  concat: (e, inputs, { axis }) => [
    e.one(
      "Concat",
      inputs.map((value) => e.elements(value)),
      { attributes: { axis } },
    ),
  ],
  split: (e, [x], { axis, parts }) => {
    const { of, scale } = plain(e, x as Value)
    const attributes = e.portable ? { axis } : { axis, num_outputs: parts }
    const names = e.node("Split", [of], parts, { attributes })
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
    // The number of rows must be known to sum them up by a product.
    const open = axes.includes(0) && typeof shape[0] === "string"
    if (!leading || open) return e.one("ReduceSum", [x, e.ints(axes)], { attributes: { keepdims: Number(keepDims) } })
    const [rows, columns] = [product(shape.slice(0, axes.length)), product(shape.slice(axes.length))]
    const sums = e.one("MatMul", [e.ones([1, rows]), e.reshape(x, shape, [rows, columns])])
    return e.reshape(sums, [1, columns], output.shape)
  }),
  max: (e, [x], { axes, keepDims }) => {
    const [names, keepdims] = [[e.elements(x as Value)], Number(keepDims)]
    return e.portable
      ? [e.one("ReduceMax", names, { attributes: { axes, keepdims } })]
      : [e.one("ReduceMax", [...names, e.ints(axes)], { attributes: { keepdims } })]
  },
  matMul: (e, [a, b], attributes) => [matrixProduct(e, a as Value, b as Value, attributes)],
  barrier: unary("Identity"),

  linear: (e, [x, weight, bias], _, [output]) => {
    const [input, w, out] = [x as Value, weight as Value, output as Output]
    const { of, scale } = plain(e, input)
    const [outputs, inputs] = w.shape as [number, number]
    const rows = product(input.shape.slice(0, -1))
    // Where only GELU and its gradient read it, it is made as x / √2, which is what the error function takes.
    const halves = out.readers.includes("geluGrad") && out.readers.every((op) => op === "gelu" || op === "geluGrad")
    const factor = halves ? Math.SQRT1_2 : 1
    const attributes = { transB: 1, alpha: { float: scale * factor } }
    const made = e.one("Gemm", [e.reshape(of, input.shape, [rows, inputs]), e.elements(w)], { attributes })
    // Not as the third input of Gemm, which ONNX Runtime fills in on one thread.
    const sum = bias ? e.one("Add", [made, e.elements({ ...bias, scale: bias.scale * factor })]) : made
    return [{ of: e.reshape(sum, [rows, outputs], out.shape), scale: 1 / factor }]
  },
  relu: unary("Relu"),
  reluGrad: (e, [dy, y]) => {
    const { of, scale } = plain(e, dy as Value)
    // A product with 0 and 1, for Where is slower.
    const passes = e.one("Greater", [e.elements(y as Value), e.scalar(0, (y as Value).shape)])
    return [{ of: e.one("Mul", [of, e.one("Cast", [passes], { attributes: { to: elementTypes.float32 } })]), scale }]
  },
  gelu: (e, [x], { approximate }) => {
    const value = x as Value
    if (e.portable) return [approximate ? portableTanhGelu(e, e.elements(value)) : portableGelu(e, e.elements(value))]
    if (approximate) return [e.one("Gelu", [e.elements(value)], { attributes: { approximate: "tanh" } })]
    if (!value.readers.includes("geluGrad")) return [e.one("Gelu", [e.elements(value)])]
    const u = halfRoot(e, value)
    return [{ of: e.one("Mul", [u, twiceCdf(e, u)]), scale: Math.SQRT1_2 }]
  },
  geluGrad: (e, [dy, x], { approximate }) => {
    if (approximate) return [tanhGeluGrad(e, e.elements(dy as Value), e.elements(x as Value))]
    // x Φ(x) is differentiated to Φ(x) + x φ(x) = ½ ((1 + erf u) + 2/√π · u exp(−u²)) with u = x/√2.
    const u = halfRoot(e, x as Value)
    const density = e.one("Div", [u, e.one("Exp", [e.one("Mul", [u, u])])])
    const slope = e.one("Add", [twiceCdf(e, u), e.one("Mul", [density, e.scalar(2 / Math.sqrt(Math.PI))])])
    const { of, scale } = plain(e, dy as Value)
    return [{ of: e.one("Mul", [of, slope]), scale: scale / 2 }]
  },
  softmax: (e, [x]) => [e.one("Softmax", [e.elements(x as Value)], { attributes: { axis: -1 } })],
  softmaxCrossEntropy: (e, [logits, targets]) => {
    const logProbabilities = e.one("LogSoftmax", [e.elements(logits as Value)], { attributes: { axis: -1 } })
    const weighted = e.one("Mul", [logProbabilities, e.elements(targets as Value)])
    return [{ of: e.one("ReduceSum", [weighted, e.ints([1])], { attributes: { keepdims: 0 } }), scale: -1 }]
  },
  layerNorm: (e, inputs, { epsilon }, outputs) => {
    const names = inputs.map((value) => e.elements(value))
    const made = e.node(
      "LayerNormalization",
      names,
      outputs.slice(1).some(({ readers }) => readers.length > 0) ? 3 : 1,
      {
        attributes: { axis: -1, epsilon: { float: epsilon } },
      },
    )
    return outputs.map((_, i) => made[i] ?? "")
  },
  layerNormGrad: (e, inputs, _, outputs) => {
    const [dy, x, weight, mean, rstd] = inputs.map((value) => e.elements(value)) as [
      string,
      string,
      string,
      string,
      string,
    ]
    const { shape } = inputs[0] as Value
    const dim = shape.at(-1) as number
    const rows = product(shape.slice(0, -1))
    const matrix = (name: string): string => e.reshape(name, shape, [rows, dim])
    const column = (name: string): string => e.reshape(name, [...shape.slice(0, -1), 1], [rows, 1])
    const [d, scale] = [matrix(dy), column(rstd)]
    const centred = e.one("Sub", [matrix(x), column(mean)])
    const along = e.one("Mul", [d, centred])
    // Means over each row as products with weight / dim.
    const w = e.one("Mul", [e.reshape(weight, [dim], [dim, 1]), e.scalar(1 / dim)])
    const k = e.one("Mul", [e.one("MatMul", [along, w]), e.one("Mul", [scale, scale])])
    const flat = e.one("Sub", [e.one("Mul", [d, weight]), e.one("MatMul", [d, w])])
    const dx = e.one("Mul", [e.one("Sub", [flat, e.one("Mul", [centred, k])]), scale])
    const dweight = e.one("MatMul", [e.reshape(scale, [rows, 1], [1, rows]), along])
    const dbias = e.one("MatMul", [e.ones([1, rows]), d])
    const made = [
      e.reshape(dx, [rows, dim], shape),
      e.reshape(dweight, [1, dim], [dim]),
      e.reshape(dbias, [1, dim], [dim]),
    ]
    return outputs.map((_, i) => made[i] as string)
  },
  adamW: (e, inputs, { beta1, beta2, epsilon }) => {
    const { shape } = inputs[0] as Value
    const [p, g, m, v] = inputs.slice(0, 4).map((value) => e.elements(value)) as [string, string, string, string]
    const [step, correction, decay] = inputs
      .slice(4)
      .map((value) => e.reshape(e.elements(value), [], onesBeside(shape))) as [string, string, string]
    const number = (value: number): string => e.scalar(value, shape)
    const scaled = (x: string, by: number): string => e.one("Mul", [x, number(by)])
    const m2 = e.one("Add", [scaled(m, beta1), scaled(g, 1 - beta1)])
    const v2 = e.one("Add", [scaled(v, beta2), scaled(e.one("Mul", [g, g]), 1 - beta2)])
    const denominator = e.one("Add", [e.one("Mul", [e.one("Sqrt", [v2]), correction]), number(epsilon)])
    const change = e.one("Div", [e.one("Mul", [m2, step]), denominator])
    return [e.one("Sub", [e.one("Mul", [p, decay]), change]), m2, v2]
  },
  ...convolutionKernels,
}

// The next two are written in the order of operations in which ONNX Runtime knows them and fuses them into one.

/** x Φ(x) without the operator Gelu, which is younger than the portable operator set. */
function portableGelu(e: Emitter, x: string): string {
  const cdf = e.one("Add", [e.one("Erf", [e.one("Div", [x, e.scalar(Math.SQRT2)])]), e.scalar(1)])
  return e.one("Mul", [e.one("Mul", [x, cdf]), e.scalar(0.5)])
}

/** ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))). */
function portableTanhGelu(e: Emitter, x: string): string {
  const cube = e.one("Mul", [e.one("Pow", [x, e.scalar(3)]), e.scalar(0.044715)])
  const inner = e.one("Mul", [e.one("Add", [x, cube]), e.scalar(Math.sqrt(2 / Math.PI))])
  const cdf = e.one("Add", [e.one("Tanh", [inner]), e.scalar(1)])
  return e.one("Mul", [e.one("Mul", [x, e.scalar(0.5)]), cdf])
}

/** The elements of x / √2. */
function halfRoot(e: Emitter, x: Value): string {
  const scale = x.scale * Math.SQRT1_2
  return e.elements({ ...x, scale: Math.abs(scale - 1) < 1e-7 ? 1 : scale })
}

/** 1 + erf u = 2 Φ(√2 u). */
function twiceCdf(e: Emitter, u: string): string {
  return e.once(`1 + erf ${u}`, () => e.one("Add", [e.one("Erf", [u]), e.scalar(1)]))
}

/** With t = tanh(√(2/π) (x + 0.044715 x³)): dy · ½ ((1 + t) + x (1 − t²) √(2/π) (1 + 3 · 0.044715 x²)). */
function tanhGeluGrad(e: Emitter, dy: string, x: string): string {
  const [cubic, root] = [0.044715, Math.sqrt(2 / Math.PI)]
  const affine = (y: string, by: number, plus: number): string =>
    e.one("Add", [e.one("Mul", [y, e.scalar(by)]), e.scalar(plus)])
  const square = e.one("Mul", [x, x])
  const t = e.one("Tanh", [e.one("Mul", [x, affine(square, root * cubic, root)])])
  const inner = e.one("Mul", [x, affine(square, 1.5 * root * cubic, 0.5 * root)])
  const slope = e.one("Mul", [e.one("Sub", [e.scalar(1), e.one("Mul", [t, t])]), inner])
  return e.one("Mul", [dy, e.one("Add", [affine(t, 0.5, 0.5), slope])])
}
