import {
  bindBatch,
  type CompileOptions,
  elementCount,
  type FileSlice,
  type Graph,
  type GraphNode,
  lower,
  type OpName,
  type Ops,
  type Shape,
  type TensorType,
  type ValueId,
  VitrineError,
} from "@vitrine/core"
import { Emitter, type Value } from "./emitter.ts"
import { isFileSlice } from "./encode.ts"
import { kernels, type OnnxKernel } from "./kernels.ts"
import type { Mask, OnnxModel, OnnxNode, OnnxValue } from "./model.ts"

export interface OnnxOptions extends CompileOptions {
  /** Only operators of the standard's version 17, for any engine and for files. False by default. */
  readonly portable?: boolean
}

/** The graph in ops that have an ONNX form. */
export const lowered = (g: Graph): Graph => lower(g, (op) => op in kernels)

/**
 * A graph as an ONNX model; without a `batch` that dimension is left open, as `batch` in the model's inputs and outputs.
 * States that are `constants` become part of the model, the others inputs; outputs and updates become outputs. float16
 * and bfloat16 stand as float32 in inputs and outputs.
 * @throws VitrineError (backend) for a constant of the wrong size, or dropout whose key is no input;
 * (shape) for an open batch in a graph that draws dropout or sums gradients over the batch.
 */
export function toOnnx(source: Graph, options: OnnxOptions = {}): OnnxModel {
  const open = lowered(source)
  const g = options.batch === undefined ? open : bindBatch(open, options.batch)
  const portable = options.portable === true
  const e = new Emitter(portable)
  const values = new Map<ValueId, Value>()
  const readers: (OpName | "output")[][] = g.values.map(() => [])
  for (const { op, inputs: read } of g.nodes) for (const value of read) readers[value]?.push(op)
  for (const value of [...Object.values(g.outputs), ...Object.values(g.updates)]) readers[value]?.push("output")
  const type = (value: ValueId): TensorType => g.values[value] as TensorType
  const shape = (value: ValueId): Shape => type(value).shape
  const set = (value: ValueId, of: string, scale = 1): void =>
    void values.set(value, { shape: shape(value), dtype: type(value).dtype, of, scale, readers: readers[value] ?? [] })

  const inputs: OnnxValue[] = []
  /** A value that is given from outside, in the dtype in which the host holds it. */
  const given = (value: ValueId, name: string): string => {
    const { dtype } = type(value)
    if (shape(value)[0] === "batch") e.batchInput ??= name
    inputs.push({ name, shape: shape(value), dtype: onHost(dtype) })
    set(value, cast(e, name, onHost(dtype), dtype))
    return name
  }
  const named = (record: Readonly<Record<string, ValueId>>, name: (name: string, value: ValueId) => string) =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key, name(key, value)]))

  const masks: Mask[] = []
  const inputNames = named(g.inputs, (name, value) => given(value, e.name(name)))
  const constants = options.constants ?? {}
  const stateNames = named(
    Object.fromEntries(Object.entries(g.states).filter(([name]) => !Object.hasOwn(constants, name))),
    (name, value) => given(value, e.name(name)),
  )
  for (const [name, value] of Object.entries(g.states)) {
    const data = constants[name]
    if (data === undefined) continue
    const { dtype } = type(value)
    const parts = Array.isArray(data) ? (data as readonly FileSlice[]) : [data as Float32Array | FileSlice]
    const sizes = parts.map((part) => (isFileSlice(part) ? part.length : part.byteLength))
    const bytes = sizes.reduce((total, size) => total + size)
    if (dtype !== "float32" || bytes !== 4 * elementCount(shape(value)))
      throw new VitrineError(
        "backend",
        `constant "${name}" has ${bytes} bytes, but ${dtype} [${shape(value).join(", ")}] was expected`,
      )
    const whole = shape(value) as readonly number[]
    const names = parts.map((part, i) => {
      const rows = ((whole[0] ?? 1) * (sizes[i] as number)) / bytes
      const own = e.name(parts.length === 1 ? name : `${name}.${i}`)
      e.initializers.push({ name: own, shape: parts.length === 1 ? whole : whole.with(0, rows), dtype, data: part })
      return own
    })
    set(value, names.length === 1 ? (names[0] as string) : e.one("Concat", names, { attributes: { axis: 0 } }))
  }

  for (const node of g.nodes) {
    const [first] = node.outputs as readonly [ValueId]
    switch (node.op) {
      case "input":
      case "state":
        break
      case "constant": {
        const { data } = node.attributes as Ops["constant"]
        set(
          first,
          e.constant(shape(first) as readonly number[], data instanceof Int32Array ? "int32" : "float32", data),
        )
        break
      }
      case "full": {
        const { value } = node.attributes as Ops["full"]
        values.set(first, {
          shape: shape(first),
          dtype: "float32",
          of: "",
          scale: 1,
          fill: value,
          readers: readers[first] ?? [],
        })
        break
      }
      case "dropoutMask": {
        const { path, rate } = node.attributes as Ops["dropoutMask"]
        const key = Object.entries(g.inputs).find(([, value]) => value === node.inputs[0])?.[0]
        if (key === undefined)
          throw new VitrineError("backend", `dropout "${path}": its key must be an input of the graph`)
        const perExample = typeof open.values[first]?.shape[0] === "string"
        if (typeof shape(first)[0] === "string")
          throw new VitrineError("shape", `dropout "${path}" needs the size of the batch`)
        const drawn = shape(first) as readonly number[]
        masks.push({ name: given(first, e.name(`mask:${path}`)), key, path, rate, shape: drawn, perExample })
        break
      }
      default:
        emit(node)
    }
  }

  function emit(node: GraphNode): void {
    const kernel = kernels[node.op] as OnnxKernel<OpName> | undefined
    if (kernel === undefined) throw new VitrineError("backend", `the ONNX backend has no kernel for ${node.op}`)
    const outputs = node.outputs.map((value) => ({
      shape: shape(value),
      dtype: type(value).dtype,
      readers: readers[value] ?? [],
    }))
    const read = node.inputs.map((value) => values.get(value) as Value)
    const made = kernel(e, read, node.attributes, outputs)
    node.outputs.forEach((value, i) => {
      const result = made[i] as (typeof made)[number]
      if (typeof result === "string") set(value, result)
      else set(value, result.of, result.scale)
    })
  }

  const outputs: OnnxValue[] = []
  const renamed = new Map<string, string>()
  const produced = new Set(e.nodes.flatMap((node) => node.outputs))
  const returned = (value: ValueId, wanted: string): string => {
    const { dtype } = type(value)
    const elements = cast(e, e.elements(values.get(value) as Value), dtype, onHost(dtype))
    const name = e.name(wanted)
    outputs.push({ name, shape: shape(value), dtype: onHost(dtype) })
    for (const made of e.nodes.at(-1)?.outputs ?? []) produced.add(made)
    if (produced.has(elements) && !renamed.has(elements)) renamed.set(elements, name)
    else e.nodes.push({ op: "Identity", domain: "", inputs: [elements], outputs: [name], attributes: {} })
    return name
  }
  const outputNames = named(g.outputs, (name, value) => returned(value, name))
  const updateNames = named(g.updates, (name, value) => returned(value, `${name}'`))
  const rename = (name: string): string => renamed.get(name) ?? name
  const written = e.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }))
  const nodes = withoutDead(
    written,
    outputs.map(({ name }) => name),
  )
  const read = new Set(nodes.flatMap((node) => node.inputs))
  return {
    opset: portable ? 17 : 20,
    nodes,
    initializers: e.initializers.filter(({ name }) => read.has(name)),
    inputs,
    outputs,
    names: { inputs: inputNames, states: stateNames, outputs: outputNames, updates: updateNames },
    masks,
  }
}

const onHost = (dtype: TensorType["dtype"]): TensorType["dtype"] =>
  dtype === "float16" || dtype === "bfloat16" ? "float32" : dtype

function cast(e: Emitter, name: string, from: TensorType["dtype"], to: TensorType["dtype"]): string {
  const types = { float32: 1, int32: 6, bool: 9, float16: 10, bfloat16: 16 }
  return from === to ? name : e.one("Cast", [name], { attributes: { to: types[to] } })
}

/** Nodes that something reads, in the same order: kernels may have written more than was wanted. */
function withoutDead(nodes: readonly OnnxNode[], wanted: readonly string[]): OnnxNode[] {
  const read = new Set(wanted)
  const kept: OnnxNode[] = []
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => read.has(name))) continue
    for (const name of node.inputs) read.add(name)
    kept.push(node)
  }
  return kept.reverse()
}
