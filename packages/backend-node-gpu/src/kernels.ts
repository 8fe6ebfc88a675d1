import { dimAt } from "@vitrine/core"
import { elementCount, type Ops } from "@vitrine/core/backend"
import { convolutionKernels } from "./convolution.ts"
import { cast, type KernelTable, type Value, type Writer } from "./kernel.ts"

type PlainKernel = (w: Writer, inputs: readonly [Value, ...Value[]]) => readonly [string]

/**
 * A TensorFlow op without attributes whose tensors have one type. Only the first of several inputs may have another
 * type.
 */
function plain(op: string): PlainKernel {
  return (w, inputs) => {
    const [first] = inputs
    const { dtype } = inputs.at(-1) ?? first
    const names = inputs.map(({ name }) => name)
    return [w.one(op, names, { T: { type: dtype } })]
  }
}

function reduction(w: Writer, op: "Sum" | "Max", { name }: Value, { axes, keepDims }: Ops["sum"]): string {
  return w.float(op, [name, w.ints(axes)], { Tidx: { type: "int32" }, keep_dims: { bool: keepDims } })
}

/** Products of fewer rows stay in float32. They take little time, and the head's logits are among them. */
const fewRows = 32

function product(w: Writer, a: Value, b: Value, transposeA: boolean, transposeB: boolean): string {
  const rows = elementCount(a.shape) / dimAt(a.shape, transposeA ? -2 : -1)
  const precision = rows < fewRows ? "float32" : w.precision
  const factors = [a, b].map(({ name, dtype }) => cast(w, name, dtype, precision))
  const T = { type: precision }
  const products =
    a.shape.length === 2
      ? w.one("MatMul", factors, { T, transpose_a: { bool: transposeA }, transpose_b: { bool: transposeB } })
      : w.one("BatchMatMulV2", factors, { T, adj_x: { bool: transposeA }, adj_y: { bool: transposeB } })
  return cast(w, products, precision, "float32")
}

export const kernels: KernelTable = {
  constant: (w, _, { data }, [{ shape, dtype }]) => [w.constant(dtype, shape, data)],
  full: (w, _, { value }, [{ shape }]) => [w.fill(shape, value)],

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
  sin: plain("Sin"),
  cos: plain("Cos"),
  tanh: plain("Tanh"),
  isFinite: plain("IsFinite"),
  cast: (w, [x], _, [{ dtype }]) => [cast(w, x.name, x.dtype, dtype)],

  reshape: (w, [{ name, dtype }], _, [{ shape }]) => [w.reshape(name, shape, dtype)],
  transpose: (w, [{ name, dtype }], { permutation }) => [
    w.one("Transpose", [name, w.ints(permutation)], { T: { type: dtype }, Tperm: { type: "int32" } }),
  ],
  broadcastTo: (w, [{ name, dtype }], _, [{ shape }]) => [
    w.one("BroadcastTo", [name, w.ints(shape)], { T: { type: dtype }, Tidx: { type: "int32" } }),
  ],
  concat: (w, parts, { axis }, [{ dtype }]) => [
    w.one("ConcatV2", [...parts.map(({ name }) => name), w.int(axis)], {
      N: { int: parts.length },
      T: { type: dtype },
      Tidx: { type: "int32" },
    }),
  ],
  split: (w, [{ name, dtype }], { axis, parts }) =>
    w.node("Split", [w.int(axis), name], {
      attributes: { num_split: { int: parts }, T: { type: dtype } },
      outputs: parts,
    }),
  slice: (w, [{ name, dtype }], { axis, start }, [{ shape }]) => {
    const begin = shape.map((_, i) => (i === axis ? start : 0))
    return [w.one("Slice", [name, w.ints(begin), w.ints(shape)], { T: { type: dtype }, Index: { type: "int32" } })]
  },
  pad: (w, [{ name, dtype }], { axis, before, after }, [{ shape }]) => {
    const amounts = Int32Array.from(shape.flatMap((_, i) => (i === axis ? [before, after] : [0, 0])))
    return [
      w.one("Pad", [name, w.constant("int32", [shape.length, 2], amounts)], {
        T: { type: dtype },
        Tpaddings: { type: "int32" },
      }),
    ]
  },
  barrier: plain("Identity"),

  sum: (w, [x], attributes, [{ shape }]) => {
    const { axes } = attributes
    const leading = axes.every((axis, i) => axis === i) && axes.length > 0 && axes.length < x.shape.length
    if (!leading) return [reduction(w, "Sum", x, attributes)]
    // Sums rows with the kernel of a bias' gradient, since that kernel runs in parallel.
    const columns = elementCount(x.shape.slice(axes.length))
    const rows = w.reshape(x.name, [elementCount(x.shape) / columns, columns])
    return [w.reshape(w.float("BiasAddGrad", [rows], { data_format: { string: "NHWC" } }), shape)]
  },
  max: (w, [x], attributes) => [reduction(w, "Max", x, attributes)],
  matMul: (w, [a, b], { transposeA, transposeB }) => [product(w, a, b, transposeA, transposeB)],

  linear: (w, [x, weight, bias], _, [{ shape }]) => {
    const inputs = dimAt(weight.shape, 1)
    const rows = elementCount(x.shape) / inputs
    const flat: Value = { ...x, name: w.reshape(x.name, [rows, inputs]), shape: [rows, inputs] }
    const products = product(w, flat, weight, false, true)
    const sums = bias ? w.float("BiasAdd", [products, bias.name], { data_format: { string: "NHWC" } }) : products
    return [w.reshape(sums, shape)]
  },
  relu: plain("Relu"),
  reluGrad: plain("ReluGrad"),
  softmax: plain("Softmax"),

  ...convolutionKernels,
}
