import { VitrineError } from "../errors.ts"
import { state } from "../tensor/ops.ts"
import { apply, mapInputs, mapOutputs, type OpName, type Tensor, type TensorType } from "../tensor/tensor.ts"
import { bindBatch, type Graph, type GraphNode, graph, typeOf, type ValueId } from "./graph.ts"

/** A graph in two halves, between which the host can act. */
export interface Halves {
  /** Computes the outputs that the host needs early, and writes `saved`. */
  readonly first: Graph
  /** Computes all other outputs and the updates from the inputs and `saved`. */
  readonly second: Graph
  /** Slots that carry values from `first` to `second` and never leave the backend. They need no starting values. */
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
 * Cuts a graph in two. The host reads the early outputs, computes from them, and gives the results to the second half
 * as inputs: to match boxes, or to reduce over machines. A training step becomes a forward and a backward graph that do
 * the same work together. Every input of `first` and of `second` is an input of the source.
 * @param early names of the outputs of `first`. All other outputs and all updates belong to `second`.
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
  /**
   * Values as `first` has them (`before`), as `second` computes them (`after`), and as `second` reads them from slots.
   */
  const before = new Map<ValueId, Tensor>()
  const after = new Map<ValueId, Tensor>()
  const slotTensors = new Map<ValueId, Tensor>()

  const rebuild = <K extends OpName>(
    node: GraphNode<K>,
    at: (value: ValueId) => Tensor,
    into: Map<ValueId, Tensor>,
  ): void => {
    const types = mapOutputs<K, ValueId, TensorType>(node, (value) => typeOf(g, value))
    const results: readonly Tensor[] = apply<K>(
      node.op,
      mapInputs<K, ValueId, Tensor>(node, at),
      node.attributes,
      types,
    )
    const values: readonly ValueId[] = node.outputs
    for (const [i, value] of values.entries()) into.set(value, existing(results[i], value))
  }
  const keep = (value: ValueId): Tensor => {
    const { shape, dtype } = typeOf(g, value)
    const slot = slotTensors.get(value) ?? state(`saved:${slotTensors.size}`, shape, dtype)
    slotTensors.set(value, slot)
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
  const slots = [...slotTensors].map(([value, { shape, dtype }], i) => ({
    name: `saved:${i}`,
    value,
    type: { shape, dtype },
  }))
  return {
    first: graph({
      outputs: tensors(Object.fromEntries(earlyValues), inFirst),
      updates: Object.fromEntries(slots.map(({ name, value }) => [name, inFirst(value)])),
    }),
    second,
    saved: Object.fromEntries(slots.map(({ name, type }) => [name, type])),
  }
}

function existing<T>(t: T | undefined, value: ValueId): T {
  if (t === undefined) throw new RangeError(`value ${value} is read before a node makes it`)
  return t
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
