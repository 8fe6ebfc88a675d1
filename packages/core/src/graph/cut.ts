import { VitrineError } from "../errors.ts"
import { state } from "../tensor/ops.ts"
import { apply, mapInputs, mapOutputs, type OpName, type Tensor, type TensorType } from "../tensor/tensor.ts"
import { bindBatch, type Graph, type GraphNode, graph, typeOf, type ValueId } from "./graph.ts"

/** A graph in two, between which the host can act. */
export interface Halves {
  /** Computes the outputs that the host is to see, and writes `saved`. */
  readonly first: Graph
  /** Computes the rest from the inputs and `saved`. */
  readonly second: Graph
  /** The slots in which values go from one to the other, without leaving the backend; they need no starting values. */
  readonly saved: Readonly<Record<string, TensorType>>
}

/** Ops that `second` computes again, so that their results need no slot: most are views of other values. */
const cheap: ReadonlySet<OpName> = new Set<OpName>([
  "reshape",
  "transpose",
  "broadcastTo",
  "slice",
  "split",
  "dropoutMask",
])

/**
 * Cuts a graph at some of its outputs. The host can look at these before it gives the inputs that depend on them, to match
 * boxes or to reduce over machines: a step of training becomes a forward and a backward graph that together do the same
 * work. Every input of `first` and of `second` is one of the source's.
 * @param early names of outputs of `first`; all others belong to `second`, and so do the updates.
 * @param batch the batch size, if the graph has one: slots have fixed sizes.
 * @throws VitrineError (shape) for a name that is no output.
 */
export function cut(source: Graph, early: readonly string[], batch?: number): Halves {
  const g = bindBatch(source, batch)
  const producers = new Map<ValueId, GraphNode>()
  for (const node of g.nodes) for (const value of node.outputs) producers.set(value, node)
  const earlyValues = early.map((name): [string, ValueId] => {
    const value = g.outputs[name]
    if (value === undefined) throw new VitrineError("shape", `cut: the graph has no output "${name}"`)
    return [name, value]
  })
  const earlyNodes = ancestors(
    earlyValues.map(([, value]) => value),
    producers,
  )
  /** Values as `first` has them, as `second` computes them, and those that `second` reads from slots. */
  const before = new Map<ValueId, Tensor>()
  const after = new Map<ValueId, Tensor>()
  const kept = new Map<ValueId, Tensor>()

  const rebuild = <K extends OpName>(
    node: GraphNode<K>,
    at: (value: ValueId) => Tensor,
    into: Map<ValueId, Tensor>,
  ): void => {
    const types = mapOutputs<K, ValueId, TensorType>(node, (value) => typeOf(g, value))
    const made: readonly Tensor[] = apply<K>(node.op, mapInputs<K, ValueId, Tensor>(node, at), node.attributes, types)
    const values: readonly ValueId[] = node.outputs
    for (const [i, value] of values.entries()) into.set(value, existing(made[i], value))
  }
  const keep = (value: ValueId): Tensor => {
    const { shape, dtype } = typeOf(g, value)
    const slot = kept.get(value) ?? state(`saved:${kept.size}`, shape, dtype)
    kept.set(value, slot)
    return slot
  }
  const inFirst = (value: ValueId): Tensor => existing(before.get(value), value)
  const inSecond = (value: ValueId): Tensor => {
    const computed = after.get(value)
    if (computed !== undefined) return computed
    const node = existing(producers.get(value), value)
    if (node.inputs.length === 0) return inFirst(value)
    if (earlyNodes.has(node) && !cheap.has(node.op)) return keep(value)
    rebuild(node, inSecond, after)
    return existing(after.get(value), value)
  }
  // In the graph's order, so that no chain is followed further than one that is cheap.
  for (const node of g.nodes)
    if (node.inputs.length === 0 || earlyNodes.has(node)) rebuild(node, inFirst, before)
    else rebuild(node, inSecond, after)

  const tensors = (values: Readonly<Record<string, ValueId>>, at: (value: ValueId) => Tensor): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, at(value)]))
  const rest = Object.fromEntries(Object.entries(g.outputs).filter(([name]) => !early.includes(name)))
  const second = graph({ outputs: tensors(rest, inSecond), updates: tensors(g.updates, inSecond) })
  const slots = [...kept].map(([value, { shape, dtype }], i) => ({ name: `saved:${i}`, value, type: { shape, dtype } }))
  return {
    first: graph({
      outputs: tensors(Object.fromEntries(earlyValues), inFirst),
      updates: Object.fromEntries(slots.map(({ name, value }) => [name, inFirst(value)])),
    }),
    second,
    saved: Object.fromEntries(slots.map(({ name, type }) => [name, type])),
  }
}

function existing<T>(made: T | undefined, value: ValueId): T {
  if (made === undefined) throw new RangeError(`value ${value} is read before a node makes it`)
  return made
}

/** The nodes that values are computed from, leaves included. */
function ancestors(values: readonly ValueId[], producers: ReadonlyMap<ValueId, GraphNode>): ReadonlySet<GraphNode> {
  const nodes = new Set<GraphNode>()
  const stack = [...values]
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    const node = existing(producers.get(value), value)
    if (nodes.has(node)) continue
    nodes.add(node)
    stack.push(...node.inputs)
  }
  return nodes
}
