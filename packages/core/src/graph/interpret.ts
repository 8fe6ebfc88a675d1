import { VitrineError } from "../errors.ts"
import { mapInputs, mapOutputs, type OpInputs, type OpName, type OpOutputs, type TensorType } from "../tensor/tensor.ts"
import { type BoundGraph, type GraphNode, lastUses, typeOf, type ValueId } from "./graph.ts"

/** Computes one op on a backend's values. It allocates the outputs. */
export type Kernel<V, K extends OpName> = (
  inputs: OpInputs<V>[K],
  node: GraphNode<K>,
  outputTypes: OpOutputs<TensorType<number>>[K],
  inputTypes: OpInputs<TensorType<number>>[K],
) => OpOutputs<V>[K]

/** A backend as a table of kernels. Inputs and states need no kernel, `constant` and `full` do. */
export type Kernels<V> = { readonly [K in OpName]?: Kernel<V, K> }

/** The results of a run. */
export interface Interpretation<V> {
  readonly outputs: Readonly<Record<string, V>>
  readonly updates: Readonly<Record<string, V>>
}

/**
 * Runs a graph node by node. It hands each value to `dispose` right after the last use, but never inputs and states,
 * which belong to the caller, nor outputs and updates.
 * @throws VitrineError (backend) for an op without a kernel, or a missing input or state.
 */
export function interpret<V>(
  g: BoundGraph,
  kernels: Kernels<V>,
  inputs: Readonly<Record<string, V>>,
  states: Readonly<Record<string, V>>,
  dispose: (value: V) => void,
): Interpretation<V> {
  const live = new Map<ValueId, V>()
  const borrowed = new Set<ValueId>()
  const read = (value: ValueId): V => {
    const result = live.get(value)
    if (result === undefined) throw new VitrineError("backend", `value ${value} of the graph has not been computed`)
    return result
  }
  const borrow = (kind: string, ids: Readonly<Record<string, ValueId>>, values: Readonly<Record<string, V>>): void => {
    for (const [name, id] of Object.entries(ids)) {
      const value = values[name]
      if (value === undefined) throw new VitrineError("backend", `the ${kind} "${name}" is missing`)
      live.set(id, value)
      borrowed.add(id)
    }
  }
  borrow("input", g.inputs, inputs)
  borrow("state", g.states, states)
  const type = (value: ValueId): TensorType<number> => typeOf(g, value)
  const compute = <K extends OpName>(node: GraphNode<K>): void => {
    const kernel = kernels[node.op]
    if (kernel === undefined) throw new VitrineError("backend", `this backend has no kernel for ${node.op}`)
    const results: readonly V[] = kernel(
      mapInputs<K, ValueId, V>(node, read),
      node,
      mapOutputs<K, ValueId, TensorType<number>>(node, type),
      mapInputs<K, ValueId, TensorType<number>>(node, type),
    )
    const ids: readonly ValueId[] = node.outputs
    for (const [i, id] of ids.entries()) {
      const value = results[i]
      if (value === undefined) throw new VitrineError("backend", `the kernel for ${node.op} gives no output ${i}`)
      live.set(id, value)
    }
  }
  const last = lastUses(g)
  for (const [i, node] of g.nodes.entries()) {
    if (node.op !== "input" && node.op !== "state") compute(node)
    for (const value of new Set([...node.inputs, ...node.outputs]))
      if (last[value] === i && !borrowed.has(value)) {
        dispose(read(value))
        live.delete(value)
      }
  }
  const results = (ids: Readonly<Record<string, ValueId>>): Record<string, V> =>
    Object.fromEntries(Object.entries(ids).map(([name, value]) => [name, read(value)]))
  return { outputs: results(g.outputs), updates: results(g.updates) }
}
