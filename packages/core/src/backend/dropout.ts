import { VitrineError } from "../errors.ts"
import type { Graph, GraphNode } from "../graph/graph.ts"
import { dropoutMask, foldKey } from "../random.ts"

/** Fills `mask` as the op `dropoutMask` does. @param words the two words of the random key, as int32. */
export function drawDropoutMask(
  words: ArrayLike<number>,
  { path, rate }: GraphNode<"dropoutMask">["attributes"],
  mask: Float32Array | Float64Array,
): void {
  const [high = 0, low = 0] = Array.from(words, (word) => word >>> 0)
  dropoutMask(foldKey([high, low], path), rate, mask)
}

/**
 * The name of the input that holds the key of a dropout mask, for backends that draw masks on the host.
 * @throws VitrineError (backend) for a key that is computed.
 */
export function dropoutKey(g: Graph, { inputs: [key], attributes: { path } }: GraphNode<"dropoutMask">): string {
  for (const [name, value] of Object.entries(g.inputs)) if (value === key) return name
  throw new VitrineError("backend", `dropout "${path}": its key must be an input of the graph`)
}
