import { sameShape, showShape } from "../tensor/shape.ts"
import {
  apply,
  mapInputs,
  mapOutputs,
  type OpInputs,
  type OpName,
  type OpOutputs,
  type Tensor,
  type TensorType,
} from "../tensor/tensor.ts"
import { decompositions } from "./decompose.ts"
import { type Graph, type GraphNode, type GraphOutputs, graph, typeOf, type ValueId } from "./graph.ts"

/** Makes the tensors that replace a node's outputs in a new graph. */
export type Rewrite = <K extends OpName>(
  node: GraphNode<K>,
  inputs: OpInputs<Tensor>[K],
  outputs: OpOutputs<TensorType>[K],
) => readonly Tensor[]

const keep: Rewrite = ({ op, attributes }, inputs, outputs) => apply(op, inputs, attributes, outputs)

/** Turns a graph back into symbolic tensors. `rewrite` can replace each node. */
export function unfold(g: Graph, rewrite: Rewrite = keep): Required<GraphOutputs> {
  const tensors = new Map<ValueId, Tensor>()
  const at = (value: ValueId): Tensor => {
    const t = tensors.get(value)
    if (t === undefined) throw new RangeError(`value ${value} is read before a node makes it`)
    return t
  }
  const rebuild = <K extends OpName>(node: GraphNode<K>): void => {
    const types = mapOutputs<K, ValueId, TensorType>(node, (value) => typeOf(g, value))
    const results = rewrite(node, mapInputs<K, ValueId, Tensor>(node, at), types)
    const values: readonly ValueId[] = node.outputs
    for (const [i, value] of values.entries()) {
      const [t, type] = [results[i], typeOf(g, value)]
      if (t === undefined || !sameShape(t.shape, type.shape) || t.dtype !== type.dtype)
        throw new Error(`${node.op}: output ${i} became ${t && showShape(t.shape)} and was ${showShape(type.shape)}`)
      tensors.set(value, t)
    }
  }
  for (const node of g.nodes) rebuild(node)
  const tensorsOf = (values: Readonly<Record<string, ValueId>>): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, at(value)]))
  return { outputs: tensorsOf(g.outputs), updates: tensorsOf(g.updates) }
}

/**
 * Replaces every fused op that the backend does not support by its decomposition. Fused ops within the decomposition
 * are replaced in the same way. `inputs` are the types of the op's inputs.
 */
export function lower(g: Graph, supports: (op: OpName, inputs: readonly TensorType[]) => boolean): Graph {
  let current = g
  const isSupported = ({ op, inputs }: GraphNode): boolean =>
    supports(
      op,
      inputs.map((value) => typeOf(current, value)),
    )
  while (current.nodes.some((node) => node.op in decompositions && !isSupported(node)))
    current = graph(
      unfold(current, (node, inputs, outputs) => {
        const decompose = supports(node.op, inputs) ? undefined : decompositions[node.op]
        return decompose ? decompose(inputs, node.attributes) : keep(node, inputs, outputs)
      }),
    )
  return current
}
