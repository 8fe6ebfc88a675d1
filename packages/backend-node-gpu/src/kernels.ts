import type { DType, OpName, Ops } from "@vitrine/core"
import { convolutionKernels } from "./convolution.ts"
import type { GraphWriter } from "./graph-def.ts"

/** A value of the graph: the output of a node of TensorFlow's that computes it, and its type. */
export interface Value {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType
}

export type OutputType = Omit<Value, "name">

/** What products are computed in; sums are kept in float32 either way. */
export type MatMulPrecision = "float32" | "bfloat16"

interface Writer extends GraphWriter {
  readonly precision: MatMulPrecision
}

/** One op as nodes of TensorFlow's: gives the names of the outputs. */
export type Kernel<K extends OpName> = (
  w: Writer,
  inputs: readonly Value[],
  attributes: Ops[K],
  outputs: readonly OutputType[],
) => readonly string[]

export type KernelTable = { readonly [K in OpName]?: Kernel<K> }

const count = (shape: readonly number[]): number => shape.reduce((n, dim) => n * dim, 1)

/** An op of TensorFlow's on tensors of one type, without attributes. */
function plain<K extends OpName>(op: string): Kernel<K> {
  return (w, inputs) => {
    const { dtype } = inputs.at(-1) as Value
    return [
      w.one(
        op,
        inputs.map(({ name }) => name),
        { T: { type: dtype } },
      ),
    ]
  }
}

function reduction<K extends "sum" | "max">(op: string): Kernel<K> {
  return (w, [x], { axes, keepDims }) => [
    w.float(op, [(x as Value).name, w.ints(axes)], { Tidx: { type: "int32" }, keep_dims: { bool: keepDims } }),
  ]
}

/** A value in another data type. */
export function cast(w: Writer, x: string, from: DType, to: DType): string {
  if (from === to) return x
  return w.once(`cast ${x} ${to}`, () => w.one("Cast", [x], { SrcT: { type: from }, DstT: { type: to } }))
}

/** Products of so few rows take no time, and the head's logits are among them. */
const fewRows = 32

function product(w: Writer, a: Value, b: Value, transposeA: boolean, transposeB: boolean): string {
  const rows = count(a.shape) / (a.shape.at(transposeA ? -2 : -1) as number)
  const precision = rows < fewRows ? "float32" : w.precision
  const factors = [a, b].map(({ name, dtype }) => cast(w, name, dtype, precision))
  const T = { type: precision }
  const made =
    a.shape.length === 2
      ? w.one("MatMul", factors, { T, transpose_a: { bool: transposeA }, transpose_b: { bool: transposeB } })
      : w.one("BatchMatMulV2", factors, { T, adj_x: { bool: transposeA }, adj_y: { bool: transposeB } })
  return cast(w, made, precision, "float32")
}

export const kernels: KernelTable = {
  constant: (w, _, { data }, [type]) => {
    const { shape, dtype } = type as OutputType
    return [w.constant(dtype, shape, data)]
  },
  full: (w, _, { value }, [type]) => [w.fill((type as OutputType).shape, value)],

  add: plain("AddV2"),
  sub: plain("Sub"),
  mul: plain("Mul"),
  div: plain("RealDiv"),
  maximum: plain("Maximum"),
  greater: plain("Greater"),
  where: plain("SelectV2"),
  neg: plain("Neg"),
  exp: plain("Exp"),
  log: plain("Log"),
  sqrt: plain("Sqrt"),
  erf: plain("Erf"),
  tanh: plain("Tanh"),
  isFinite: plain("IsFinite"),
  cast: (w, [x], _, [type]) => {
    const { name, dtype } = x as Value
    return [cast(w, name, dtype, (type as OutputType).dtype)]
  },

  reshape: (w, [x], _, [type]) => [w.reshape((x as Value).name, (type as OutputType).shape, (x as Value).dtype)],
  transpose: (w, [x], { permutation }) => {
    const { name, dtype } = x as Value
    return [w.one("Transpose", [name, w.ints(permutation)], { T: { type: dtype }, Tperm: { type: "int32" } })]
  },
  broadcastTo: (w, [x], _, [type]) => {
    const { name, dtype } = x as Value
    return [
      w.one("BroadcastTo", [name, w.ints((type as OutputType).shape)], { T: { type: dtype }, Tidx: { type: "int32" } }),
    ]
  },
  concat: (w, parts, { axis }) => [
    w.one("ConcatV2", [...parts.map(({ name }) => name), w.int(axis)], {
      N: { int: parts.length },
      T: { type: (parts[0] as Value).dtype },
      Tidx: { type: "int32" },
    }),
  ],
  split: (w, [x], { axis, parts }) => {
    const { name, dtype } = x as Value
    return w.node("Split", [w.int(axis), name], {
      attributes: { num_split: { int: parts }, T: { type: dtype } },
      outputs: parts,
    })
  },
  slice: (w, [x], { axis, start }, [type]) => {
    const { name, dtype } = x as Value
    const { shape } = type as OutputType
    const begin = shape.map((_, i) => (i === axis ? start : 0))
    return [w.one("Slice", [name, w.ints(begin), w.ints(shape)], { T: { type: dtype }, Index: { type: "int32" } })]
  },
  pad: (w, [x], { axis, before, after }, [type]) => {
    const { name, dtype } = x as Value
    const { shape } = type as OutputType
    const amounts = Int32Array.from(shape.flatMap((_, i) => (i === axis ? [before, after] : [0, 0])))
    return [
      w.one("Pad", [name, w.constant("int32", [shape.length, 2], amounts)], {
        T: { type: dtype },
        Tpaddings: { type: "int32" },
      }),
    ]
  },
  barrier: plain("Identity"),

  sum: (w, inputs, attributes, outputs) => {
    const [x, { axes }] = [inputs[0] as Value, attributes]
    const leading = axes.every((axis, i) => axis === i) && axes.length > 0 && axes.length < x.shape.length
    if (!leading) return reduction<"sum">("Sum")(w, inputs, attributes, outputs)
    // Sums over rows: the kernel for the gradient of a bias does them in parallel.
    const columns = count(x.shape.slice(axes.length))
    const rows = w.reshape(x.name, [count(x.shape) / columns, columns])
    return [
      w.reshape(w.float("BiasAddGrad", [rows], { data_format: { string: "NHWC" } }), (outputs[0] as OutputType).shape),
    ]
  },
  max: reduction("Max"),
  matMul: (w, [a, b], { transposeA, transposeB }) => [product(w, a as Value, b as Value, transposeA, transposeB)],

  linear: (w, [x, weight, bias], _, [type]) => {
    const [input, matrix] = [x as Value, weight as Value]
    const inputs = matrix.shape[1] as number
    const rows = count(input.shape) / inputs
    const flat = { ...input, name: w.reshape(input.name, [rows, inputs]), shape: [rows, inputs] }
    const made = product(w, flat, matrix, false, true)
    const sum = bias ? w.float("BiasAdd", [made, bias.name], { data_format: { string: "NHWC" } }) : made
    return [w.reshape(sum, (type as OutputType).shape)]
  },
  relu: plain("Relu"),
  reluGrad: plain("ReluGrad"),
  softmax: plain("Softmax"),

  ...convolutionKernels,
}
