import {
  bindBatch,
  type DType,
  type Graph,
  lower,
  type OpName,
  type Ops,
  type TensorType,
  type ValueId,
  VitrineError,
} from "@vitrine/core"
import { type Attribute, GraphWriter, type NodeDef } from "./graph-def.ts"
import { cast, type Kernel, kernels, type MatMulPrecision, type OutputType, type Value } from "./kernels.ts"

/** A mask that the host must draw before every run: `dropoutMask(fold(key, path), rate, …)`. */
export interface Mask {
  /** The node that takes it. */
  readonly node: string
  /** The graph's input that holds the key. */
  readonly key: string
  readonly path: string
  readonly rate: number
  readonly shape: readonly number[]
}

/** How a state slot is reached: a run that asks for `read`, or gives `value` and asks for `written`. */
export interface Variable {
  readonly read: string
  readonly value: string
  readonly written: string
}

/** A graph in TensorFlow's terms, and how its names stand to those of the graph. */
export interface TensorFlowGraph {
  readonly nodes: readonly NodeDef[]
  readonly inputs: Readonly<Record<string, { readonly node: string; readonly type: TensorType }>>
  readonly variables: Readonly<Record<string, { readonly type: TensorType } & Variable>>
  readonly masks: readonly Mask[]
  readonly outputs: Readonly<Record<string, { readonly node: string; readonly type: TensorType }>>
  readonly updated: readonly string[]
  /** An output that is there once all slots are updated. */
  readonly done: string | undefined
}

/** Ops whose output may be their input's memory. */
const rearranges: ReadonlySet<OpName> = new Set([
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
  /** Slots that are written once and for all. */
  readonly constants: ReadonlySet<string>
}

/**
 * A graph at one batch size as a graph of TensorFlow's with a variable for each slot. Constants that are only read in
 * half precision are kept in it.
 * @throws VitrineError (backend) for dropout whose key is no input; (shape) without the batch size that the graph needs.
 */
export function toTensorFlow(source: Graph, { batch, precision, constants }: TensorFlowOptions): TensorFlowGraph {
  const g = lower(bindBatch(source, batch), supports)
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

function write(g: Graph, precision: MatMulPrecision, narrow: ReadonlySet<string>): TensorFlowGraph {
  const w = Object.assign(new GraphWriter(), { precision })
  const values = new Map<ValueId, Value>()
  const type = (value: ValueId): OutputType => g.values[value] as OutputType
  const set = (value: ValueId, name: string): void => void values.set(value, { name, ...type(value) })
  const name = (value: ValueId): string => (values.get(value) as Value).name
  const onHost = (dtype: DType): DType => (dtype === "float16" || dtype === "bfloat16" ? "float32" : dtype)
  const placeholder = ({ shape, dtype }: OutputType): string =>
    w.one("Placeholder", [], { dtype: { type: onHost(dtype) }, shape: { shape } })
  // What is given lies in the host's memory, on which no variable may hold.
  const copied = (given: string, dtype: DType): string => w.one("DeepCopy", [given], { T: { type: dtype } })
  /** Values that may share memory with what was given. */
  const given = new Set<ValueId>()

  const inputs: Record<string, { node: string; type: TensorType }> = {}
  for (const [key, value] of Object.entries(g.inputs)) {
    const node = placeholder(type(value))
    inputs[key] = { node, type: type(value) }
    set(value, cast(w, node, onHost(type(value).dtype), type(value).dtype))
    given.add(value)
  }

  const handles: Record<string, string> = {}
  const variables: Record<string, { type: TensorType } & Variable> = {}
  for (const [slot, value] of Object.entries({ ...g.updates, ...g.states })) {
    const { shape } = type(value)
    const dtype = narrow.has(slot) ? "bfloat16" : type(value).dtype
    const attributes = { dtype: { type: dtype }, shape: { shape } }
    const handle = w.one("VarHandleOp", [], { ...attributes, shared_name: { string: slot }, container: { string: "" } })
    handles[slot] = handle
    const read = w.one("ReadVariableOp", [handle], { dtype: { type: dtype } })
    const fed = placeholder({ shape, dtype })
    const copy = cast(w, copied(fed, onHost(dtype)), onHost(dtype), dtype)
    const [assigned] = w.node("AssignVariableOp", [handle, copy], { attributes: { dtype: { type: dtype } } })
    variables[slot] = {
      type: type(value),
      read: cast(w, read, dtype, onHost(dtype)),
      value: fed,
      written: w.signal([assigned as string]),
    }
    if (Object.hasOwn(g.states, slot)) values.set(value, { name: read, shape, dtype })
  }

  const masks: Mask[] = []
  for (const node of g.nodes) {
    const [first] = node.outputs as readonly [ValueId]
    if (node.op === "input" || node.op === "state") continue
    if (node.op === "dropoutMask") {
      const { path, rate } = node.attributes as Ops["dropoutMask"]
      const key = Object.entries(g.inputs).find(([, value]) => value === node.inputs[0])?.[0]
      if (key === undefined)
        throw new VitrineError("backend", `dropout "${path}": its key must be an input of the graph`)
      const mask = placeholder(type(first))
      masks.push({ node: mask, key, path, rate, shape: type(first).shape })
      set(first, mask)
      given.add(first)
      continue
    }
    const kernel = kernels[node.op] as Kernel<OpName>
    const read = node.inputs.map((value) => values.get(value) as Value)
    const made = kernel(w, read, node.attributes, node.outputs.map(type))
    node.outputs.forEach((value, i) => {
      set(value, made[i] as string)
      if (rearranges.has(node.op) && node.inputs.some((input) => given.has(input))) given.add(value)
    })
  }

  const outputs = Object.fromEntries(
    Object.entries(g.outputs).map(([key, value]) => {
      const { dtype } = type(value)
      const made = w.one("Identity", [cast(w, name(value), dtype, onHost(dtype))], { T: { type: onHost(dtype) } })
      return [key, { node: made, type: type(value) }]
    }),
  )
  const updates = Object.entries(g.updates)
  // What a slot held is a tensor of its own once it has been read, so that writing waits for no other reader.
  const assigned = updates.map(
    ([slot, value]) =>
      w.node(
        "AssignVariableOp",
        [handles[slot] as string, given.has(value) ? copied(name(value), type(value).dtype) : name(value)],
        {
          attributes: { dtype: { type: type(value).dtype } },
          after: [(variables[slot] as Variable).read],
          outputs: 1,
        },
      )[0] as string,
  )
  const done = updates.length === 0 ? undefined : w.signal(assigned)
  return { nodes: w.nodes, inputs, variables, masks, outputs, updated: updates.map(([slot]) => slot), done }
}
