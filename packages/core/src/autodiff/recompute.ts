import { sortedNodes } from "../graph/graph.ts"
import { barrier } from "../tensor/ops.ts"
import { apply, mapInputs, type Node, type OpName, outputsOf, type Tensor } from "../tensor/tensor.ts"

/**
 * The same gradients with less memory between forward and backward pass (Chen et al., "Training Deep Nets with Sublinear
 * Memory Cost", 2016). Of the forward pass of `outputs` they read only `kept`, such as the inputs of blocks, and compute the
 * rest again from these. Values behind the last of `kept` stay, since the backward pass needs them first. Random masks come
 * out the same, since they follow from their key.
 */
export function recomputing(
  grads: readonly Tensor[],
  outputs: readonly Tensor[],
  kept: readonly Tensor[],
): readonly Tensor[] {
  const forward = sortedNodes(outputs)
  const last = kept.at(-1)?.node
  const stays = new Set<Node>()
  /** The tensors that the backward pass reads in place of a node's outputs. */
  const substitutes = new Map<Node, readonly Tensor[]>()
  const substitute = ({ node, index }: Tensor): Tensor => {
    const t = substitutes.get(node)?.[index]
    if (t === undefined) throw new RangeError(`${node.op} stands after a node that reads it`)
    return t
  }
  const copy = <K extends OpName>(node: Node<K>): readonly Tensor[] =>
    apply<K>(node.op, mapInputs<K, Tensor, Tensor>(node, substitute), node.attributes, node.outputs)

  for (const node of forward) {
    const originals: readonly Tensor[] = outputsOf(node)
    if (node === last || node.inputs.some((t) => stays.has(t.node))) {
      stays.add(node)
      substitutes.set(node, originals)
    } else if (node.op === "input") {
      // Without a barrier, values that are made of inputs alone, such as masks, would be merged with the first ones and kept.
      const id = `recompute ${node.attributes.name}`
      substitutes.set(
        node,
        originals.map((t) => barrier(t, id)),
      )
    } else {
      const copies = node.inputs.length === 0 ? originals : copy(node)
      const copyOrKept = (t: Tensor, index: number): Tensor => {
        const i = kept.findIndex((each) => each.node === node && each.index === index)
        const original = kept[i]
        return original === undefined ? t : barrier(original, `recompute from ${i}`)
      }
      substitutes.set(node, copies.map(copyOrKept))
    }
  }
  for (const node of sortedNodes(grads)) if (!substitutes.has(node)) substitutes.set(node, copy(node))
  return grads.map(substitute)
}
