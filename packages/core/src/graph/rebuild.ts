import { sameShape, showShape } from "../tensor/shape.ts"
import { apply, type OpName, type Tensor, type TensorType } from "../tensor/tensor.ts"
import { type Decomposition, decompositions } from "./decompose.ts"
import { type Graph, type GraphNode, type GraphOutputs, graph, type ValueId } from "./graph.ts"

/** What a node becomes when a graph is made anew: the tensors that stand for its outputs. */
export type Rewrite = (node: GraphNode, inputs: readonly Tensor[], outputs: readonly TensorType[]) => readonly Tensor[]

const keep: Rewrite = ({ op, attributes }, inputs, outputs) => apply(op, inputs, attributes, outputs)

/** The graph as symbolic tensors again, each node replaced by what `rewrite` makes of it. */
export function unfold(g: Graph, rewrite: Rewrite = keep): Required<GraphOutputs> {
  const tensors = new Map<ValueId, Tensor>()
  const at = (value: ValueId): Tensor => tensors.get(value) as Tensor
  for (const node of g.nodes) {
    const types = node.outputs.map((value) => g.values[value] as TensorType)
    const made = rewrite(node, node.inputs.map(at), types)
    node.outputs.forEach((value, i) => {
      const t = made[i]
      const type = types[i] as TensorType
      if (t === undefined || !sameShape(t.shape, type.shape) || t.dtype !== type.dtype)
        throw new Error(`${node.op}: output ${i} became ${t && showShape(t.shape)} and was ${showShape(type.shape)}`)
      tensors.set(value, t)
    })
  }
  const named = (record: Readonly<Record<string, ValueId>>): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name, at(value)]))
  return { outputs: named(g.outputs), updates: named(g.updates) }
}

/**
 * The same graph with every fused op that `supports` does not accept replaced by its decomposition, and those in that
 * decomposition likewise.
 */
export function lower(g: Graph, supports: (op: OpName) => boolean): Graph {
  let current = g
  for (;;) {
    const left = current.nodes.some(({ op }) => !supports(op) && op in decompositions)
    if (!left) return current
    current = graph(
      unfold(current, (node, inputs, outputs) => {
        const decompose = supports(node.op) ? undefined : (decompositions[node.op] as Decomposition | undefined)
        return decompose ? decompose(inputs, node.attributes) : keep(node, inputs, outputs)
      }),
    )
  }
}
