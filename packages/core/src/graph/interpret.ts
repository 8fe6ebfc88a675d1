import { VitrineError } from "../errors.ts"
import type { OpName, TensorType } from "../tensor/tensor.ts"
import { type Graph, type GraphNode, lastUses, type ValueId } from "./graph.ts"

/** One op on a backend's own values: from the inputs to the outputs, which it allocates. */
export type Kernel<V, K extends OpName> = (
  inputs: readonly V[],
  node: GraphNode<K>,
  outputs: readonly TensorType[],
  inputTypes: readonly TensorType[],
) => V | readonly V[]

/** A backend as a table of kernels. Leaves but `constant` and `full` are given from outside. */
export type Kernels<V> = { readonly [K in OpName]?: Kernel<V, K> }

export interface Interpretation<V> {
  readonly outputs: Readonly<Record<string, V>>
  readonly updates: Readonly<Record<string, V>>
}

/**
 * Runs a graph node by node, handing each value to `dispose` right after its last use. Inputs and states belong to the
 * caller and are never disposed of; neither are outputs and updates.
 * @throws VitrineError (backend) for an op without a kernel.
 */
export function interpret<V>(
  g: Graph,
  kernels: Kernels<V>,
  inputs: Readonly<Record<string, V>>,
  states: Readonly<Record<string, V>>,
  dispose: (value: V) => void,
): Interpretation<V> {
  const held = new Map<ValueId, V>()
  const given = new Set<ValueId>()
  const read = (value: ValueId): V => held.get(value) as V
  const give = (named: Readonly<Record<string, ValueId>>, from: Readonly<Record<string, V>>): void => {
    for (const [name, value] of Object.entries(named)) {
      held.set(value, from[name] as V)
      given.add(value)
    }
  }
  give(g.inputs, inputs)
  give(g.states, states)
  const last = lastUses(g)
  g.nodes.forEach((node, i) => {
    if (node.op !== "input" && node.op !== "state") {
      const kernel = kernels[node.op] as Kernel<V, OpName> | undefined
      if (kernel === undefined) throw new VitrineError("backend", `this backend has no kernel for ${node.op}`)
      const type = (value: ValueId): TensorType => g.values[value] as TensorType
      const made = kernel(node.inputs.map(read), node, node.outputs.map(type), node.inputs.map(type))
      const results = Array.isArray(made) ? (made as readonly V[]) : [made as V]
      node.outputs.forEach((value, k) => void held.set(value, results[k] as V))
    }
    for (const value of new Set([...node.inputs, ...node.outputs]))
      if (last[value] === i && !given.has(value)) {
        dispose(read(value))
        held.delete(value)
      }
  })
  const named = (record: Readonly<Record<string, ValueId>>): Record<string, V> =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name, read(value)]))
  return { outputs: named(g.outputs), updates: named(g.updates) }
}
