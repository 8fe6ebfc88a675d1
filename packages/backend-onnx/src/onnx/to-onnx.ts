import { type CompileOptions, type DType, type Graph, type Shape, type TensorType, VitrineError } from "@vitrine/core"
import {
  bindBatch,
  bindDim,
  dropoutKey,
  elementCount,
  type GraphNode,
  lower,
  mapInputs,
  mapOutputs,
  type OpName,
  typeOf,
  type ValueId,
} from "@vitrine/core/backend"
import { isAttention, isLong } from "./attention.ts"
import { Emitter, type Reader, type Value } from "./emitter.ts"
import { isFileSlice } from "./encode.ts"
import type { Output, Scaled } from "./kernel.ts"
import { kernels } from "./kernels.ts"
import {
  type Initializer,
  type Mask,
  type OnnxModel,
  type OnnxNode,
  type OnnxValue,
  readsOf,
  renameValues,
} from "./model.ts"

/** Options of turning a graph into an ONNX model. */
export interface OnnxOptions extends CompileOptions {
  /** Whether to use only standard operators of version 17, for any engine and for files. False by default. */
  readonly portable?: boolean
}

/** The graph in ops that have an ONNX kernel. */
export function lowered(g: Graph, portable = false): Graph {
  return lower(g, (op, inputs) => (isAttention(op) ? !portable && isLong(inputs) : op in kernels))
}

/**
 * Converts a graph to an ONNX model. Without a `batch` that dimension stays open, as `batch` in the model's inputs and
 * outputs. States that are `constants` become part of the model, and other states become inputs. Outputs and updates
 * become outputs. Inputs and outputs have float32 instead of float16 and bfloat16.
 * @throws VitrineError (backend) for a constant of the wrong size, or dropout whose key is no input; (shape) for an
 *   open batch in a graph that draws dropout or sums gradients over the batch.
 */
export function toOnnx(source: Graph, options: OnnxOptions = {}): OnnxModel {
  const portable = options.portable === true
  const open = lowered(source, portable)
  const g: Graph = options.batch === undefined ? open : bindBatch(open, options.batch)
  const e = new Emitter(portable)
  const values = new Map<ValueId, Value>()
  const readers = readersOf(g)
  const outputOf = (value: ValueId): Output => ({ ...typeOf(g, value), readers: readers.get(value) ?? [] })
  const set = (value: ValueId, name: string): void => void values.set(value, { ...outputOf(value), of: name, scale: 1 })
  const valueOf = (value: ValueId): Value => {
    const result = values.get(value)
    if (result === undefined) throw new RangeError(`value ${value} is read before a node makes it`)
    return result
  }

  const inputs: OnnxValue[] = []
  /** Makes a value an input of the model, in the dtype that the host uses. */
  const addInput = (preferred: string, value: ValueId): string => {
    const { shape, dtype } = typeOf(g, value)
    const name = e.name(preferred)
    if (shape[0] === "batch") e.batchInput ??= name
    inputs.push({ name, shape, dtype: onHost(dtype) })
    set(value, cast(e, name, onHost(dtype), dtype))
    return name
  }
  const { constants = {} } = options
  const inputNames = mapNames(g.inputs, addInput)
  const slots = Object.entries(g.states).filter(([name]) => !Object.hasOwn(constants, name))
  const stateNames = mapNames(Object.fromEntries(slots), addInput)
  for (const [name, value] of Object.entries(g.states)) {
    const data = constants[name]
    if (data !== undefined) set(value, addConstant(e, name, typeOf(g, value), data))
  }

  const masks: Mask[] = []
  const addMask = (node: GraphNode<"dropoutMask">): void => {
    const { path, rate } = node.attributes
    const [value] = node.outputs
    const { shape } = typeOf(g, value)
    if (typeof shape[0] === "string") throw new VitrineError("shape", `dropout "${path}" needs the size of the batch`)
    const perExample = typeof typeOf(open, value).shape[0] === "string"
    const name = addInput(`mask:${path}`, value)
    masks.push({ name, key: dropoutKey(g, node), path, rate, shape: sizes(shape), perExample })
  }
  const addNode = <K extends OpName>(node: GraphNode<K>): void => {
    const kernel = kernels[node.op]
    if (kernel === undefined) throw new VitrineError("backend", `the ONNX backend has no kernel for ${node.op}`)
    const results: readonly (string | Scaled)[] = kernel(
      e,
      mapInputs<K, ValueId, Value>(node, valueOf),
      node.attributes,
      mapOutputs<K, ValueId, Output>(node, outputOf),
    )
    const ids: readonly ValueId[] = node.outputs
    for (const [i, value] of ids.entries()) {
      const result = results[i]
      if (result === undefined) throw new RangeError(`the kernel for ${node.op} gives no output ${i}`)
      const { of, scale } = typeof result === "string" ? { of: result, scale: 1 } : result
      values.set(value, { ...outputOf(value), of, scale })
    }
  }
  for (const node of g.nodes)
    switch (node.op) {
      case "input":
      case "state":
        break
      case "constant": {
        const [value] = node.outputs
        const { shape, dtype } = typeOf(g, value)
        set(value, e.constant(sizes(shape), dtype, node.attributes.data))
        break
      }
      case "full": {
        const [value] = node.outputs
        values.set(value, { ...outputOf(value), of: "", scale: 1, fill: node.attributes.value })
        break
      }
      case "dropoutMask":
        addMask(node)
        break
      default:
        addNode(node)
    }

  const outputs: OnnxValue[] = []
  const renamed = new Map<string, string>()
  const produced = new Set(e.nodes.flatMap((node) => node.outputs))
  const addOutput = (preferred: string, value: ValueId): string => {
    const { shape, dtype } = typeOf(g, value)
    const elements = cast(e, e.elements(valueOf(value)), dtype, onHost(dtype))
    const name = e.name(preferred)
    outputs.push({ name, shape, dtype: onHost(dtype) })
    for (const output of e.nodes.at(-1)?.outputs ?? []) produced.add(output)
    if (produced.has(elements) && !renamed.has(elements)) renamed.set(elements, name)
    else e.nodes.push({ op: "Identity", domain: "", inputs: [elements], outputs: [name], attributes: {} })
    return name
  }
  const outputNames = mapNames(g.outputs, addOutput)
  const updateNames = mapNames(g.updates, (name, value) => addOutput(`${name}'`, value))
  const rename = (name: string): string => renamed.get(name) ?? name
  const renamedNodes = e.nodes.map((node) => renameValues(node, rename))
  const nodes = withoutDead(
    renamedNodes,
    outputs.map(({ name }) => name),
  )
  const read = new Set(nodes.flatMap(readsOf))
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

/** The ops that read each value. */
function readersOf(g: Graph): ReadonlyMap<ValueId, readonly Reader[]> {
  const readers = new Map<ValueId, Reader[]>()
  const add = (value: ValueId, reader: Reader): void => {
    const list = readers.get(value)
    if (list === undefined) readers.set(value, [reader])
    else list.push(reader)
  }
  for (const { op, inputs } of g.nodes) for (const value of inputs) add(value, op)
  for (const value of [...Object.values(g.outputs), ...Object.values(g.updates)]) add(value, "output")
  return readers
}

/** Adds a constant state. It may come in parts along its first axis. Returns the name of the whole. */
function addConstant(
  e: Emitter,
  name: string,
  { shape, dtype }: TensorType,
  data: NonNullable<CompileOptions["constants"]>[string],
): string {
  const parts: readonly Initializer["data"][] = data instanceof Float32Array || "path" in data ? [data] : data
  const lengths = parts.map((part) => (isFileSlice(part) ? part.length : part.byteLength))
  const bytes = lengths.reduce((total, length) => total + length)
  const whole = sizes(shape)
  if (dtype !== "float32" || bytes !== 4 * elementCount(whole))
    throw new VitrineError(
      "backend",
      `constant "${name}" has ${bytes} bytes, but ${dtype} [${shape.join(", ")}] was expected`,
    )
  const names = parts.map((part, i) => {
    const rows = ((whole[0] ?? 1) * (lengths[i] ?? 0)) / bytes
    const single = parts.length === 1
    const initializer = e.name(single ? name : `${name}.${i}`)
    e.initializers.push({ name: initializer, shape: single ? whole : whole.with(0, rows), dtype, data: part })
    return initializer
  })
  const [first] = names
  return first !== undefined && names.length === 1 ? first : e.one("Concat", names, { attributes: { axis: 0 } })
}

/** The sizes of a shape without an open dimension. */
const sizes = (shape: Shape): number[] => shape.map((dim) => bindDim(dim))

/** The model's names for the values of a graph. */
function mapNames(
  values: Readonly<Record<string, ValueId>>,
  add: (name: string, value: ValueId) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, add(name, value)]))
}

/** The dtype of a value on the host: float16 and bfloat16 are float32 there. */
const onHost = (dtype: DType): DType => (dtype === "float16" || dtype === "bfloat16" ? "float32" : dtype)

function cast(e: Emitter, name: string, from: DType, to: DType): string {
  return from === to ? name : e.cast(name, to)
}

/** Removes nodes that no value depends on. Kernels may write more nodes than necessary. The order stays the same. */
function withoutDead(nodes: readonly OnnxNode[], values: readonly string[]): OnnxNode[] {
  const read = new Set(values)
  const live: OnnxNode[] = []
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => read.has(name))) continue
    for (const name of readsOf(node)) read.add(name)
    live.push(node)
  }
  return live.reverse()
}
