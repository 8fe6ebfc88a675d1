import { bindDim } from "@vitrine/core/backend"
import { elementTypes, type OnnxBody, type OnnxModel, type OnnxNode } from "./model.ts"

/** The shape of a value of an ONNX model, and the bytes of one element. */
export interface Sized {
  readonly shape: readonly number[]
  readonly width: number
}

/** Bytes of an element by ONNX's number of its type. */
const widths: Readonly<Record<number, number>> = {
  [elementTypes.float32]: 4,
  [elementTypes.int8]: 1,
  [elementTypes.int32]: 4,
  [elementTypes.int64]: 8,
  [elementTypes.bool]: 1,
  [elementTypes.float16]: 2,
  [elementTypes.bfloat16]: 2,
}

/** The shapes of all values of a model whose batch has a size. Values of operators that no kernel writes are left out. */
export function valueShapes(model: OnnxModel): ReadonlyMap<string, Sized> {
  const values = new Map<string, Sized>()
  const integers = new Map<string, readonly number[]>()
  for (const { name, shape, dtype, data } of model.initializers) {
    values.set(name, { shape, width: widths[elementTypes[dtype]] ?? 4 })
    if (data instanceof BigInt64Array) integers.set(name, Array.from(data, Number))
  }
  const known = ({ inputs }: Pick<OnnxBody, "inputs">): void => {
    for (const { name, shape, dtype } of inputs)
      values.set(name, { shape: shape.map((dim) => bindDim(dim)), width: widths[elementTypes[dtype]] ?? 4 })
  }
  known(model)
  for (const node of model.nodes) {
    const outputs = outputsOf(
      node,
      (name) => values.get(name),
      (name) => integers.get(name) ?? [],
    )
    for (const [i, name] of node.outputs.entries()) {
      const output = outputs[i]
      if (name !== "" && output !== undefined) values.set(name, output)
    }
  }
  return values
}

function broadcast(shapes: readonly (readonly number[])[]): readonly number[] {
  const rank = Math.max(0, ...shapes.map(({ length }) => length))
  return Array.from({ length: rank }, (_, i) =>
    Math.max(1, ...shapes.map((shape) => shape[shape.length - rank + i] ?? 1)),
  )
}

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** The sizes of a node's outputs. */
function outputsOf(
  node: OnnxNode,
  sizeOf: (name: string) => Sized | undefined,
  integersOf: (name: string) => readonly number[],
): readonly (Sized | undefined)[] {
  const { op, inputs, outputs, attributes } = node
  const [x, y] = inputs.map(sizeOf)
  if (x === undefined) return []
  const { shape, width } = x
  const number = (name: string, otherwise: number): number => {
    const value = attributes[name]
    return typeof value === "number" ? value : otherwise
  }
  const list = (name: string): readonly number[] => {
    const value = attributes[name]
    return Array.isArray(value) ? value : []
  }
  const ints = (at: number): readonly number[] => integersOf(inputs[at] ?? "")
  const same = (other: readonly number[], bytes = width): readonly Sized[] => [{ shape: other, width: bytes }]
  const axisOf = (axis: number): number => (axis < 0 ? axis + shape.length : axis)
  switch (op) {
    case "Gemm":
    case "MatMul":
    case "FusedMatMul": {
      if (y === undefined) return []
      const rows = shape.at(number("transA", 0) === 1 ? -1 : -2) ?? 1
      const columns = y.shape.at(number("transB", 0) === 1 ? -2 : -1) ?? 1
      return same([...broadcast([shape.slice(0, -2), y.shape.slice(0, -2)]), rows, columns])
    }
    case "Transpose":
      return same(list("perm").map((axis) => shape[axis] ?? 1))
    case "Reshape": {
      const target = ints(1)
      const rest = count(shape) / count(target.filter((dim) => dim !== -1))
      return same(target.map((dim) => (dim === -1 ? rest : dim)))
    }
    case "Expand":
      return same(broadcast([shape, ints(1)]))
    case "Concat": {
      const axis = axisOf(number("axis", 0))
      const total = inputs.reduce((sum, name) => sum + (sizeOf(name)?.shape[axis] ?? 0), 0)
      return same(shape.with(axis, total))
    }
    case "Split": {
      const axis = axisOf(number("axis", 0))
      return outputs.map(() => ({ shape: shape.with(axis, (shape[axis] ?? 1) / outputs.length), width }))
    }
    case "Slice": {
      const [starts, ends, axes, steps] = [ints(1), ints(2), ints(3), ints(4)]
      const sliced = [...shape]
      for (const [i, axis] of axes.entries()) {
        const size = shape[axisOf(axis)] ?? 1
        const step = steps[i] ?? 1
        // The first and the last place that a bound can be. One before the first is possible for slices that run backwards.
        const [first, last] = step > 0 ? [0, size] : [-1, size - 1]
        const placeOf = (bound: number): number => Math.min(last, Math.max(first, bound < 0 ? bound + size : bound))
        sliced[axisOf(axis)] = Math.max(0, Math.ceil((placeOf(ends[i] ?? size) - placeOf(starts[i] ?? 0)) / step))
      }
      return same(sliced)
    }
    case "Pad": {
      const pads = ints(1)
      return same(shape.map((size, i) => size + (pads[i] ?? 0) + (pads[shape.length + i] ?? 0)))
    }
    case "ReduceSum":
    case "ReduceMax": {
      const axes = (inputs.length > 1 ? ints(1) : list("axes")).map(axisOf)
      if (number("keepdims", 1) === 0) return same(shape.filter((_, i) => !axes.includes(i)))
      return same(shape.map((size, i) => (axes.includes(i) ? 1 : size)))
    }
    case "LayerNormalization": {
      const rows = { shape: shape.with(-1, 1), width: 4 }
      return [x, rows, rows]
    }
    case "Greater":
    case "Less":
      return same(broadcast([shape, y?.shape ?? []]), 1)
    case "Where": {
      const third = sizeOf(inputs[2] ?? "")
      return same(broadcast([shape, y?.shape ?? [], third?.shape ?? []]), 4)
    }
    case "Cast":
      return same(shape, widths[number("to", elementTypes.float32)] ?? 4)
    case "GatherElements":
      return same(y?.shape ?? shape)
    case "Conv": {
      if (y === undefined) return []
      const [strides, pads, dilations] = [list("strides"), list("pads"), list("dilations")]
      const places = [0, 1].map((i) => {
        const kernel = ((y.shape[2 + i] ?? 1) - 1) * (dilations[i] ?? 1) + 1
        const padded = (shape[2 + i] ?? 1) + (pads[i] ?? 0) + (pads[2 + i] ?? 0)
        return Math.floor((padded - kernel) / (strides[i] ?? 1)) + 1
      })
      return same([shape[0] ?? 1, y.shape[0] ?? 1, ...places])
    }
    case "ConvTranspose": {
      if (y === undefined) return []
      const [strides, pads, extra] = [list("strides"), list("pads"), list("output_padding")]
      const places = [0, 1].map((i) => {
        const spread = ((shape[2 + i] ?? 1) - 1) * (strides[i] ?? 1) + (y.shape[2 + i] ?? 1)
        return spread - (pads[i] ?? 0) - (pads[2 + i] ?? 0) + (extra[i] ?? 0)
      })
      return same([shape[0] ?? 1, y.shape[1] ?? 1, ...places])
    }
    case "MaxPool": {
      const [kernel, strides, pads] = [list("kernel_shape"), list("strides"), list("pads")]
      const places = [0, 1].map((i) => {
        const padded = (shape[2 + i] ?? 1) + (pads[i] ?? 0) + (pads[2 + i] ?? 0)
        return Math.floor((padded - (kernel[i] ?? 1)) / (strides[i] ?? 1)) + 1
      })
      const pooled = [shape[0] ?? 1, shape[1] ?? 1, ...places]
      return [
        { shape: pooled, width },
        { shape: pooled, width: 8 },
      ]
    }
    case "Scan": {
      const { body } = attributes
      if (typeof body !== "object" || !("nodes" in body)) return []
      const [first] = list("scan_input_axes")
      const scanned = sizeOf(inputs[inputs.length - number("num_scan_inputs", 1)] ?? "")
      const steps = scanned?.shape[first ?? 0] ?? 1
      const carried = inputs.length - number("num_scan_inputs", 1)
      return body.outputs.map(({ shape: block }, i) => {
        const sizes = block.map((dim) => bindDim(dim))
        const axis = list("scan_output_axes")[i - carried] ?? 0
        return { shape: i < carried ? sizes : sizes.toSpliced(axis, 0, steps), width: 4 }
      })
    }
    default:
      return same(broadcast(inputs.map((name) => sizeOf(name)?.shape ?? [])))
  }
}
