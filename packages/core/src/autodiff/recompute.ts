import { sortedNodes } from "../graph/graph.ts"
import { barrier } from "../tensor/ops.ts"
import { apply, type Node, type Ops, outputsOf, type Tensor } from "../tensor/tensor.ts"

/**
 * The same gradients with less held in memory between forward and backward (Chen et al., "Training Deep Nets with
 * Sublinear Memory Cost", 2016): of the forward computation of `outputs` they read only `kept`, such as what goes into
 * each block, and compute the rest anew from the last of those before it. What follows the last of `kept` stays, since
 * its gradients are the first to be taken. Random masks come out the same, being functions of their key.
 */
export function recomputing(
  grads: readonly Tensor[],
  outputs: readonly Tensor[],
  kept: readonly Tensor[],
): readonly Tensor[] {
  const forward = sortedNodes(outputs)
  const last = kept.at(-1)?.node
  const stays = new Set<Node>()
  /** What the backward pass reads in place of a node's outputs. */
  const made = new Map<Node, readonly Tensor[]>()
  const again = ({ node, index }: Tensor): Tensor => (made.get(node) as readonly Tensor[])[index] as Tensor
  const anew = (node: Node): readonly Tensor[] => apply(node.op, node.inputs.map(again), node.attributes, node.outputs)

  for (const node of forward) {
    const own = outputsOf(node)
    if (node === last || node.inputs.some((t) => stays.has(t.node))) {
      stays.add(node)
      made.set(node, own)
    } else if (node.op === "input") {
      // Or what is made of inputs alone, such as masks, would be merged with the first and kept.
      const { name } = node.attributes as Ops["input"]
      made.set(
        node,
        own.map((t) => barrier(t, `recompute ${name}`)),
      )
    } else {
      const copies = node.inputs.length === 0 ? own : anew(node)
      const behind = (t: Tensor): Tensor => {
        const i = kept.findIndex((each) => each.node === node && each.index === t.index)
        return i < 0 ? (copies[t.index] as Tensor) : barrier(t, `recompute from ${i}`)
      }
      made.set(node, own.map(behind))
    }
  }
  for (const node of sortedNodes(grads)) if (!made.has(node)) made.set(node, anew(node))
  return grads.map(again)
}
