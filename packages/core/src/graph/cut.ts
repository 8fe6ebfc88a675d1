import { VitrineError } from "../errors.ts"
import { state } from "../tensor/ops.ts"
import { apply, type OpName, type Tensor, type TensorType } from "../tensor/tensor.ts"
import { bindBatch, type Graph, type GraphNode, graph, type ValueId } from "./graph.ts"

/** A graph in two, with the host between them. */
export interface Halves {
  /** Computes what the host wants to see, and writes `saved`. */
  readonly first: Graph
  /** Computes the rest from the inputs and `saved`. */
  readonly second: Graph
  /** The slots in which values go from one to the other, without leaving the backend; they need no starting values. */
  readonly saved: Readonly<Record<string, TensorType>>
}

/** Ops that are done again rather than their results kept: most are only another view of what is kept. */
const cheap: ReadonlySet<OpName> = new Set(["reshape", "transpose", "broadcastTo", "slice", "split", "dropoutMask"])

/**
 * Cuts a graph at some of its outputs, so that the host can see these and only then give the inputs that depend on them
 * (match boxes, reduce over machines): a step of training becomes a forward and a backward graph that together do the same
 * work. Every input of `first` is one of the source's, and so is every one of `second`.
 * @param seen names of outputs; all others belong to `second`, and so do the updates.
 * @param batch the batch size, if the graph has one: slots have fixed sizes.
 * @throws VitrineError (shape) for a name that is no output.
 */
export function cut(source: Graph, seen: readonly string[], batch?: number): Halves {
  const g = bindBatch(source, batch)
  const maker = new Map<ValueId, GraphNode>(g.nodes.flatMap((node) => node.outputs.map((value) => [value, node])))
  const early = ancestors(g, seen, maker)
  const before = new Map<ValueId, Tensor>()
  const after = new Map<ValueId, Tensor>()
  const kept = new Map<ValueId, Tensor>()

  /** A value as `second` has it. */
  const later = (value: ValueId): Tensor => {
    const known = after.get(value)
    if (known !== undefined) return known
    const node = maker.get(value) as GraphNode
    if (node.inputs.length === 0) return before.get(value) as Tensor
    if (early.has(node) && !cheap.has(node.op)) return keep(value)
    remake(node, later, after)
    return after.get(value) as Tensor
  }
  const keep = (value: ValueId): Tensor => {
    const { shape, dtype } = g.values[value] as TensorType
    const slot = kept.get(value) ?? state(`saved:${kept.size}`, shape, dtype)
    kept.set(value, slot)
    return slot
  }
  const remake = (node: GraphNode, at: (value: ValueId) => Tensor, into: Map<ValueId, Tensor>): void => {
    const types = node.outputs.map((value) => g.values[value] as TensorType)
    const made = apply(node.op, node.inputs.map(at), node.attributes, types)
    node.outputs.forEach((value, i) => void into.set(value, made[i] as Tensor))
  }
  // In the graph's order, so that no chain is followed further than one that is cheap.
  for (const node of g.nodes)
    if (node.inputs.length === 0 || early.has(node)) remake(node, (value) => before.get(value) as Tensor, before)
    else remake(node, later, after)

  const named = (from: Readonly<Record<string, ValueId>>, at: (value: ValueId) => Tensor): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(from).map(([name, value]) => [name, at(value)]))
  const rest = Object.fromEntries(Object.entries(g.outputs).filter(([name]) => !seen.includes(name)))
  const second = graph({ outputs: named(rest, later), updates: named(g.updates, later) })
  const shown = Object.fromEntries(seen.map((name) => [name, before.get(g.outputs[name] as ValueId) as Tensor]))
  const slots = [...kept].map(([value, slot], i) => ({ name: `saved:${i}`, slot, value: before.get(value) as Tensor }))
  return {
    first: graph({ outputs: shown, updates: Object.fromEntries(slots.map(({ name, value }) => [name, value])) }),
    second,
    saved: Object.fromEntries(slots.map(({ name, slot: { shape, dtype } }) => [name, { shape, dtype }])),
  }
}

/** The nodes that outputs are computed from, leaves included. */
function ancestors(g: Graph, names: readonly string[], maker: ReadonlyMap<ValueId, GraphNode>): ReadonlySet<GraphNode> {
  const found = new Set<GraphNode>()
  const stack = names.map((name) => {
    const value = g.outputs[name]
    if (value === undefined) throw new VitrineError("shape", `cut: the graph has no output "${name}"`)
    return value
  })
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    const node = maker.get(value) as GraphNode
    if (found.has(node)) continue
    found.add(node)
    stack.push(...node.inputs)
  }
  return found
}
