import {
  dropoutMask,
  foldKey,
  type GraphNode,
  type Kernel,
  type Kernels,
  type OpName,
  type TensorType,
} from "@vitrine/core"
import { convolutionKernels } from "./convolution.ts"
import { erf } from "./erf.ts"
import { roundTo } from "./rounding.ts"
import { around, broadcast, strides, walk } from "./strided.ts"

// Every value is a Float64Array, whatever its dtype: bools are 0 and 1, and integers up to 2^53 are exact.

const dims = ({ shape }: TensorType): readonly number[] => shape as readonly number[]
const count = (type: TensorType): number => dims(type).reduce((n, dim) => n * dim, 1)
const first = (types: readonly TensorType[]): TensorType => types[0] as TensorType

function unary<K extends OpName>(f: (x: number) => number): Kernel<Float64Array, K> {
  return ([x]) => (x as Float64Array).map(f)
}

function binary<K extends OpName>(f: (a: number, b: number) => number): Kernel<Float64Array, K> {
  return ([a, b], _node, outputs, types) => {
    const shape = dims(first(outputs))
    const x = broadcast(a as Float64Array, dims(types[0] as TensorType), shape)
    const y = broadcast(b as Float64Array, dims(types[1] as TensorType), shape)
    return x.map((value, i) => f(value, y[i] as number))
  }
}

function reduction<K extends "sum" | "max">(
  start: number,
  f: (a: number, b: number) => number,
): Kernel<Float64Array, K> {
  return ([x], { attributes: { axes } }, outputs, types) => {
    const shape = dims(first(types))
    const kept = shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    const step = strides(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride))
    const out = new Float64Array(count(first(outputs))).fill(start)
    walk(shape, step, (at, i) => {
      out[at] = f(out[at] as number, (x as Float64Array)[i] as number)
    })
    return out
  }
}

/** Copies a window of one axis: `from` and `to` are its offsets in the source and in the result. */
function copyAxis(
  x: Float64Array,
  source: readonly number[],
  out: Float64Array,
  target: readonly number[],
  axis: number,
  { from, to, size }: { from: number; to: number; size: number },
): void {
  const { outer, inner, size: sourceSize } = around(source, axis)
  const targetSize = target[axis] as number
  for (let o = 0; o < outer; o++) {
    const start = (o * sourceSize + from) * inner
    out.set(x.subarray(start, start + size * inner), (o * targetSize + to) * inner)
  }
}

function matMul(
  a: Float64Array,
  b: Float64Array,
  [m, k, n]: readonly number[],
  ta: boolean,
  tb: boolean,
  out: Float64Array,
): void {
  const [rows, inner, columns] = [m as number, k as number, n as number]
  for (let i = 0; i < rows; i++)
    for (let p = 0; p < inner; p++) {
      const x = a[ta ? p * rows + i : i * inner + p] as number
      for (let j = 0; j < columns; j++)
        out[i * columns + j] =
          (out[i * columns + j] as number) + x * (b[tb ? j * inner + p : p * columns + j] as number)
    }
}

export const kernels: Kernels<Float64Array> = {
  constant: (_, { attributes: { data } }) => Float64Array.from(data),
  full: (_, { attributes: { value } }, outputs) => new Float64Array(count(first(outputs))).fill(value),

  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  maximum: binary((a, b) => Math.max(a, b)),
  greater: binary((a, b) => (a > b ? 1 : 0)),
  where: ([condition, a, b], _node, outputs, types) => {
    const shape = dims(first(outputs))
    const [c, x, y] = [condition, a, b].map((v, i) => broadcast(v as Float64Array, dims(types[i] as TensorType), shape))
    return (c as Float64Array).map((holds, i) => ((holds ? x : y) as Float64Array)[i] as number)
  },
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  erf: unary(erf),
  tanh: unary(Math.tanh),
  isFinite: unary((x) => (Number.isFinite(x) ? 1 : 0)),
  cast: ([x], _node, outputs) => (x as Float64Array).map((value) => roundTo(first(outputs).dtype, value)),

  reshape: ([x]) => x as Float64Array,
  barrier: ([x]) => x as Float64Array,
  transpose: ([x], { attributes: { permutation } }, outputs, types) => {
    const from = strides(dims(first(types)))
    const out = new Float64Array((x as Float64Array).length)
    const step = permutation.map((axis) => from[axis] as number)
    walk(dims(first(outputs)), step, (at, i) => {
      out[i] = (x as Float64Array)[at] as number
    })
    return out
  },
  broadcastTo: ([x], _node, outputs, types) => broadcast(x as Float64Array, dims(first(types)), dims(first(outputs))),
  concat: (inputs, { attributes: { axis } }, outputs, types) => {
    const out = new Float64Array(count(first(outputs)))
    let to = 0
    inputs.forEach((x, i) => {
      const source = dims(types[i] as TensorType)
      const size = source[axis] as number
      copyAxis(x, source, out, dims(first(outputs)), axis, { from: 0, to, size })
      to += size
    })
    return out
  },
  split: ([x], { attributes: { axis } }, outputs, types) =>
    outputs.map((type, i) => {
      const out = new Float64Array(count(type))
      const size = dims(type)[axis] as number
      copyAxis(x as Float64Array, dims(first(types)), out, dims(type), axis, { from: i * size, to: 0, size })
      return out
    }),
  slice: ([x], { attributes: { axis, start, end } }, outputs, types) => {
    const out = new Float64Array(count(first(outputs)))
    const window = { from: start, to: 0, size: end - start }
    copyAxis(x as Float64Array, dims(first(types)), out, dims(first(outputs)), axis, window)
    return out
  },
  pad: ([x], { attributes: { axis, before } }, outputs, types) => {
    const out = new Float64Array(count(first(outputs)))
    const window = { from: 0, to: before, size: dims(first(types))[axis] as number }
    copyAxis(x as Float64Array, dims(first(types)), out, dims(first(outputs)), axis, window)
    return out
  },

  sum: reduction(0, (a, b) => a + b),
  max: reduction(Number.NEGATIVE_INFINITY, (a, b) => Math.max(a, b)),
  matMul: ([a, b], { attributes: { transposeA, transposeB } }, outputs, types) => {
    const shape = dims(first(outputs))
    const [m, n] = shape.slice(-2) as [number, number]
    const k = dims(first(types)).at(transposeA ? -2 : -1) as number
    const out = new Float64Array(count(first(outputs)))
    for (let i = 0; i < out.length / (m * n || 1); i++)
      matMul(
        (a as Float64Array).subarray(i * m * k, (i + 1) * m * k),
        (b as Float64Array).subarray(i * k * n, (i + 1) * k * n),
        [m, k, n],
        transposeA,
        transposeB,
        out.subarray(i * m * n, (i + 1) * m * n),
      )
    return out
  },

  dropoutMask: ([key], { attributes: { path, rate } }: GraphNode<"dropoutMask">, outputs) => {
    const out = new Float64Array(count(first(outputs)))
    const [a, b] = key as Float64Array
    dropoutMask(foldKey([(a as number) >>> 0, (b as number) >>> 0], path), rate, out)
    return out
  },
  ...convolutionKernels,
}

/** Whether an op runs as it is; fused ops do not, so that their definition is what is tested. */
export const supports = (op: OpName): boolean => op in kernels
