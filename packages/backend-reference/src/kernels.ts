import { dimAt, type TensorType } from "@vitrine/core"
import { drawDropoutMask, elementCount, type GraphNode, type Kernels, type OpName } from "@vitrine/core/backend"
import { convolutionKernels } from "./convolution.ts"
import { erf } from "./erf.ts"
import { roundTo } from "./rounding.ts"
import { around, at, broadcast, strides, walk } from "./strided.ts"

// Every value is a Float64Array, whatever its dtype. Bools are 0 and 1. Integers up to 2^53 are exact.

type Values = Float64Array
type Type = TensorType<number>
type UnaryKernel = (inputs: readonly [x: Values]) => readonly [Values]
type BinaryKernel = (
  inputs: readonly [a: Values, b: Values],
  node: unknown,
  outputTypes: readonly [Type],
  inputTypes: readonly [Type, Type],
) => readonly [Values]
type ReductionKernel = (
  inputs: readonly [x: Values],
  node: GraphNode<"sum" | "max">,
  outputTypes: readonly [Type],
  inputTypes: readonly [Type],
) => readonly [Values]

const zeros = ({ shape }: Type): Values => new Float64Array(elementCount(shape))

function unary(f: (x: number) => number): UnaryKernel {
  return ([x]) => [x.map(f)]
}

function binary(f: (a: number, b: number) => number): BinaryKernel {
  return ([a, b], _node, [{ shape }], [aType, bType]) => {
    const y = broadcast(b, bType.shape, shape)
    return [broadcast(a, aType.shape, shape).map((value, i) => f(value, y[i] as number))]
  }
}

function reduction(start: number, f: (a: number, b: number) => number): ReductionKernel {
  return ([x], { attributes: { axes } }, [outType], [{ shape }]) => {
    const reducedShape = shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    const steps = strides(reducedShape).map((stride, axis) => (axes.includes(axis) ? 0 : stride))
    const out = zeros(outType).fill(start)
    walk(shape, steps, (position, i) => {
      out[position] = f(out[position] as number, x[i] as number)
    })
    return [out]
  }
}

/** A window of one axis: where it begins in the source, where it begins in the target, and its length. */
interface AxisWindow {
  readonly from: number
  readonly to: number
  readonly size: number
}

/** Copies a window of one axis. */
function copyAxis(
  x: Values,
  source: readonly number[],
  out: Values,
  target: readonly number[],
  axis: number,
  window: AxisWindow,
): void {
  const { outer, inner, size: sourceSize } = around(source, axis)
  const { size: targetSize } = around(target, axis)
  for (let o = 0; o < outer; o++) {
    const start = (o * sourceSize + window.from) * inner
    out.set(x.subarray(start, start + window.size * inner), (o * targetSize + window.to) * inner)
  }
}

interface Product {
  readonly rows: number
  readonly inner: number
  readonly columns: number
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** Adds the product of two matrices to `out`. */
function matMul(a: Values, b: Values, out: Values, product: Product): void {
  const { rows, inner, columns, transposeA, transposeB } = product
  for (let i = 0; i < rows; i++)
    for (let p = 0; p < inner; p++) {
      const x = a[transposeA ? p * rows + i : i * inner + p] as number
      for (let j = 0; j < columns; j++) {
        const y = b[transposeB ? j * inner + p : p * columns + j] as number
        out[i * columns + j] = (out[i * columns + j] as number) + x * y
      }
    }
}

export const kernels: Kernels<Values> = {
  constant: (_, { attributes: { data } }) => [Float64Array.from(data)],
  full: (_, { attributes: { value } }, [type]) => [zeros(type).fill(value)],

  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  maximum: binary((a, b) => Math.max(a, b)),
  greater: binary((a, b) => (a > b ? 1 : 0)),
  where: ([condition, a, b], _node, [{ shape }], [conditionType, aType, bType]) => {
    const x = broadcast(a, aType.shape, shape)
    const y = broadcast(b, bType.shape, shape)
    return [broadcast(condition, conditionType.shape, shape).map((holds, i) => at(holds ? x : y, i))]
  },
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  erf: unary(erf),
  sin: unary(Math.sin),
  cos: unary(Math.cos),
  tanh: unary(Math.tanh),
  isFinite: unary((x) => (Number.isFinite(x) ? 1 : 0)),
  cast: ([x], _node, [{ dtype }]) => [x.map((value) => roundTo(dtype, value))],

  reshape: ([x]) => [x],
  barrier: ([x]) => [x],
  transpose: ([x], { attributes: { permutation } }, [{ shape }], [source]) => {
    const from = strides(source.shape)
    const out = new Float64Array(x.length)
    const steps = permutation.map((axis) => dimAt(from, axis))
    walk(shape, steps, (position, i) => {
      out[i] = x[position] as number
    })
    return [out]
  },
  broadcastTo: ([x], _node, [{ shape }], [source]) => [broadcast(x, source.shape, shape)],
  concat: (parts, { attributes: { axis } }, [type], partTypes) => {
    const out = zeros(type)
    let to = 0
    for (const [i, part] of parts.entries()) {
      const shape = partTypes[i]?.shape ?? []
      const size = dimAt(shape, axis)
      copyAxis(part, shape, out, type.shape, axis, { from: 0, to, size })
      to += size
    }
    return [out]
  },
  split: ([x], { attributes: { axis } }, types, [source]) =>
    types.map((type, i) => {
      const out = zeros(type)
      const size = dimAt(type.shape, axis)
      copyAxis(x, source.shape, out, type.shape, axis, { from: i * size, to: 0, size })
      return out
    }),
  slice: ([x], { attributes: { axis, start, end } }, [type], [source]) => {
    const out = zeros(type)
    copyAxis(x, source.shape, out, type.shape, axis, { from: start, to: 0, size: end - start })
    return [out]
  },
  pad: ([x], { attributes: { axis, before } }, [type], [source]) => {
    const out = zeros(type)
    copyAxis(x, source.shape, out, type.shape, axis, { from: 0, to: before, size: dimAt(source.shape, axis) })
    return [out]
  },

  sum: reduction(0, (a, b) => a + b),
  max: reduction(Number.NEGATIVE_INFINITY, (a, b) => Math.max(a, b)),
  matMul: ([a, b], { attributes }, [type], [{ shape }]) => {
    const out = zeros(type)
    const [rows, columns] = [dimAt(type.shape, -2), dimAt(type.shape, -1)]
    const inner = dimAt(shape, attributes.transposeA ? -2 : -1)
    const matrix = (values: Values, size: number, i: number): Values => values.subarray(i * size, (i + 1) * size)
    for (let i = 0; i < out.length / (rows * columns || 1); i++)
      matMul(matrix(a, rows * inner, i), matrix(b, inner * columns, i), matrix(out, rows * columns, i), {
        rows,
        inner,
        columns,
        ...attributes,
      })
    return [out]
  },

  dropoutMask: ([key], { attributes }, [type]) => {
    const out = zeros(type)
    drawDropoutMask(key, attributes, out)
    return [out]
  },
  ...convolutionKernels,
}

/**
 * Whether the backend has a kernel for an op. It has none for fused ops, so it computes their decompositions, which
 * define them.
 */
export const supports = (op: OpName): boolean => op in kernels
