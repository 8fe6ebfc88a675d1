import { type DType, type Graph, VitrineError } from "@vitrine/core"
import {
  bindBatch,
  type BoundGraph,
  dropoutKey,
  type GraphNode,
  lower,
  mapInputs,
  mapOutputs,
  type OpName,
  typeOf,
  type ValueId,
} from "@vitrine/core/backend"
import { type Attribute, GraphWriter, type NodeDef } from "./graph-def.ts"
import { cast, type MatMulPrecision, type OutputType, type Value } from "./kernel.ts"
import { kernels } from "./kernels.ts"

/** A dropout mask that the host must draw before every run. */
export interface Mask {
  /** The node that receives the mask. */
  readonly node: string
  /** The graph's input with the key. */
  readonly key: string
  readonly path: string
  readonly rate: number
  readonly shape: readonly number[]
}

/** A variable that holds a state slot. */
export interface Variable {
  readonly type: OutputType
  /** The output with the slot's value. */
  readonly read: string
  /** `value` is the node that receives a new value. `written` is an output that exists once the new value is stored. */
  readonly value: string
  readonly written: string
}

/** An input or output of the graph, and its TensorFlow node. */
export interface Port {
  readonly node: string
  readonly type: OutputType
}

/** A TensorFlow graph, and its nodes for the inputs, slots and outputs of a graph of core. */
export interface TensorFlowGraph {
  readonly nodes: readonly NodeDef[]
  readonly inputs: Readonly<Record<string, Port>>
  readonly variables: Readonly<Record<string, Variable>>
  readonly masks: readonly Mask[]
  readonly outputs: Readonly<Record<string, Port>>
  readonly updated: readonly string[]
  /** An output that exists once all slots are updated. */
  readonly done: string | undefined
}

/** Ops whose output may share its input's memory. */
const rearranges: ReadonlySet<OpName> = new Set<OpName>([
  "barrier",
  "broadcastTo",
  "cast",
  "concat",
  "pad",
  "reshape",
  "slice",
  "split",
  "transpose",
])

const supports = (op: OpName): boolean => op === "dropoutMask" || op in kernels

export interface TensorFlowOptions {
  /** The size of the batch dimension, if the graph has one. */
  readonly batch: number | undefined
  readonly precision: MatMulPrecision
  /** Slots that are written once and never change. */
  readonly constants: ReadonlySet<string>
}

/**
 * Converts a graph at one batch size to a TensorFlow graph with a variable for each slot. A constant that is only read
 * in half precision is stored in half precision.
 * @throws VitrineError (backend) for dropout whose key is no input; (shape) if the graph needs a batch size and there
 *   is none.
 */
export function toTensorFlow(source: Graph, { batch, precision, constants }: TensorFlowOptions): TensorFlowGraph {
  const g = bindBatch(lower(source, supports), batch)
  const wide = write(g, precision, new Set())
  const narrow = [...constants].filter((slot) => {
    const read = wide.variables[slot]?.read
    const readers = wide.nodes.filter(({ inputs }) => read !== undefined && inputs.includes(read))
    return (
      readers.length > 0 && readers.every(({ op, attributes }) => op === "Cast" && isType(attributes.DstT, "bfloat16"))
    )
  })
  return narrow.length === 0 ? wide : write(g, precision, new Set(narrow))
}

const isType = (attribute: Attribute | undefined, dtype: DType): boolean =>
  attribute !== undefined && "type" in attribute && attribute.type === dtype

/** The dtype of a value on the host: float16 and bfloat16 are float32 there. */
const onHost = (dtype: DType): DType => (dtype === "float16" || dtype === "bfloat16" ? "float32" : dtype)

/** @param narrow the slots that are stored in bfloat16 */
function write(g: BoundGraph, precision: MatMulPrecision, narrow: ReadonlySet<string>): TensorFlowGraph {
  const w = Object.assign(new GraphWriter(), { precision })
  const values = new Map<ValueId, Value>()
  const type = (value: ValueId): OutputType => typeOf(g, value)
  const set = (value: ValueId, name: string): void => void values.set(value, { name, ...type(value) })
  const valueOf = (value: ValueId): Value => {
    const output = values.get(value)
    if (output === undefined) throw new RangeError(`value ${value} is read before a node makes it`)
    return output
  }
  const placeholder = ({ shape, dtype }: OutputType): string =>
    w.one("Placeholder", [], { dtype: { type: onHost(dtype) }, shape: { shape } })
  /** Values that may share the host's memory with inputs. A variable must hold a copy of them. */
  const borrowed = new Set<ValueId>()
  const copied = (name: string, dtype: DType): string => w.one("DeepCopy", [name], { T: { type: dtype } })

  const inputs: Record<string, Port> = {}
  for (const [name, value] of Object.entries(g.inputs)) {
    const { dtype } = type(value)
    const node = placeholder(type(value))
    inputs[name] = { node, type: type(value) }
    set(value, cast(w, node, onHost(dtype), dtype))
    borrowed.add(value)
  }

  const handles = new Map<string, string>()
  const variables: Record<string, Variable> = {}
  for (const [slot, value] of Object.entries({ ...g.updates, ...g.states })) {
    const { shape } = type(value)
    const dtype = narrow.has(slot) ? "bfloat16" : type(value).dtype
    const handle = w.one("VarHandleOp", [], {
      dtype: { type: dtype },
      shape: { shape },
      shared_name: { string: slot },
      container: { string: "" },
    })
    handles.set(slot, handle)
    const read = w.one("ReadVariableOp", [handle], { dtype: { type: dtype } })
    const input = placeholder({ shape, dtype })
    const copy = cast(w, copied(input, onHost(dtype)), onHost(dtype), dtype)
    const assigned = w.one("AssignVariableOp", [handle, copy], { dtype: { type: dtype } })
    variables[slot] = {
      type: type(value),
      read: cast(w, read, dtype, onHost(dtype)),
      value: input,
      written: w.signal([assigned]),
    }
    if (Object.hasOwn(g.states, slot)) values.set(value, { name: read, shape, dtype })
  }

  const masks: Mask[] = []
  const addMask = (node: GraphNode<"dropoutMask">): void => {
    const [value] = node.outputs
    const mask = placeholder(type(value))
    masks.push({ ...node.attributes, node: mask, key: dropoutKey(g, node), shape: type(value).shape })
    set(value, mask)
    borrowed.add(value)
  }
  const addNode = <K extends OpName>(node: GraphNode<K>): void => {
    const kernel = kernels[node.op]
    if (kernel === undefined) throw new VitrineError("backend", `tfjs-node: there is no kernel for ${node.op}`)
    const types = mapOutputs<K, ValueId, OutputType>(node, type)
    const names: readonly string[] = kernel(w, mapInputs<K, ValueId, Value>(node, valueOf), node.attributes, types)
    const views = rearranges.has(node.op) && node.inputs.some((input) => borrowed.has(input))
    const ids: readonly ValueId[] = node.outputs
    for (const [i, value] of ids.entries()) {
      const name = names[i]
      if (name === undefined) throw new RangeError(`the kernel for ${node.op} gives no output ${i}`)
      set(value, name)
      if (views) borrowed.add(value)
    }
  }
  for (const node of g.nodes)
    if (node.op === "dropoutMask") addMask(node)
    else if (node.op !== "input" && node.op !== "state") addNode(node)

  const outputs = Object.fromEntries(
    Object.entries(g.outputs).map(([name, value]): [string, Port] => {
      const { dtype } = type(value)
      const output = cast(w, valueOf(value).name, dtype, onHost(dtype))
      return [name, { node: w.one("Identity", [output], { T: { type: onHost(dtype) } }), type: type(value) }]
    }),
  )
  const assigned = Object.entries(g.updates).map(([slot, value]) => {
    const [handle, variable] = [handles.get(slot), variables[slot]]
    if (handle === undefined || variable === undefined) throw new RangeError(`no variable for "${slot}"`)
    const { dtype } = type(value)
    const next = borrowed.has(value) ? copied(valueOf(value).name, dtype) : valueOf(value).name
    // Reading makes a separate tensor, so the write need not wait for any other reader.
    return w.one("AssignVariableOp", [handle, next], { dtype: { type: dtype } }, [variable.read])
  })
  const done = assigned.length === 0 ? undefined : w.signal(assigned)
  return { nodes: w.nodes, inputs, variables, masks, outputs, updated: Object.keys(g.updates), done }
}
