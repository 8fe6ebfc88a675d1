import { sortedNodes } from "../graph/graph.ts"
import { barrier } from "../tensor/ops.ts"
import { apply, mapInputs, type Node, type OpName, outputsOf, type Tensor } from "../tensor/tensor.ts"

/**
 * Changes gradients so that a backend keeps fewer values between forward and backward pass (Chen et al., "Training Deep
 * Nets with Sublinear Memory Cost", 2016). The new gradients read only the tensors `checkpoints` of the forward pass,
 * such as the inputs of blocks, and compute all values between them again. Values after the last checkpoint are kept,
 * since the backward pass needs them first. Random masks come out the same, since they follow from their key.
 */
export function recomputing(
  grads: readonly Tensor[],
  outputs: readonly Tensor[],
  checkpoints: readonly Tensor[],
): readonly Tensor[] {
  const forward = sortedNodes(outputs)
  const last = checkpoints.at(-1)?.node
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
      // Masks are computed from inputs alone. Without a barrier, the graph would merge the second computation of a mask
      // with the first and keep its result.
      const id = `recompute ${node.attributes.name}`
      substitutes.set(
        node,
        originals.map((t) => barrier(t, id)),
      )
    } else {
      const copies = node.inputs.length === 0 ? originals : copy(node)
      const copyOrCheckpoint = (t: Tensor, index: number): Tensor => {
        const i = checkpoints.findIndex((checkpoint) => checkpoint.node === node && checkpoint.index === index)
        const original = checkpoints[i]
        return original === undefined ? t : barrier(original, `recompute from ${i}`)
      }
      substitutes.set(node, copies.map(copyOrCheckpoint))
    }
  }
  for (const node of sortedNodes(grads)) if (!substitutes.has(node)) substitutes.set(node, copy(node))
  return grads.map(substitute)
}
