import { bindDim, dimAt, elementCount } from "../tensor/shape.ts"
import type { DType } from "../tensor/tensor.ts"
import { type Graph, type GraphNode, lastUses, typeOf, type ValueId } from "./graph.ts"

/** Bytes of one element as stored. */
export const bytesOf: Readonly<Record<DType, number>> = { float32: 4, float16: 2, bfloat16: 2, int32: 4, bool: 1 }

/** What a run of a graph costs. */
export interface GraphCost {
  /** Multiplications and additions of matrix products and convolutions: 2 for each multiply-accumulate. */
  readonly flops: number
  /**
   * The greatest number of bytes in use at once. States and inputs count, and each value is freed after its last use.
   */
  readonly peakBytes: number
  /** Bytes of the state slots: parameters, moments, accumulators. */
  readonly stateBytes: number
}

/** The cost of one run of a graph at a batch size, before a backend fuses ops or reuses memory. */
export function graphCost(g: Graph, batch?: number): GraphCost {
  const bytes = (value: ValueId): number => {
    const { shape, dtype } = typeOf(g, value)
    return elementCount(shape, batch) * bytesOf[dtype]
  }
  const total = (values: Iterable<ValueId>): number => {
    let sum = 0
    for (const value of values) sum += bytes(value)
    return sum
  }
  /** The values that each node reads last. */
  const dying = new Map<number, ValueId[]>()
  for (const [value, node] of lastUses(g).entries()) dying.set(node, [...(dying.get(node) ?? []), value])
  let flops = 0
  let live = 0
  let peakBytes = 0
  for (const [i, node] of g.nodes.entries()) {
    flops += nodeFlops(g, node, batch)
    live += total(node.outputs)
    peakBytes = Math.max(peakBytes, live)
    live -= total(dying.get(i) ?? [])
  }
  return { flops, peakBytes, stateBytes: total(Object.values(g.states)) }
}

/** The multiplications and additions of matrix products and convolutions in a node. */
export function nodeFlops(g: Graph, node: GraphNode, batch?: number): number {
  const count = (value: ValueId): number => elementCount(typeOf(g, value).shape, batch)
  const size = (value: ValueId, axis: number): number => bindDim(dimAt(typeOf(g, value).shape, axis), batch)
  switch (node.op) {
    case "matMul":
      return 2 * count(node.outputs[0]) * size(node.inputs[0], node.attributes.transposeA ? -2 : -1)
    case "linear":
      return 2 * count(node.outputs[0]) * size(node.inputs[1], 1)
    case "attention": {
      const [q, k] = node.inputs
      return 2 * (count(q) + count(node.outputs[0])) * size(k, -2)
    }
    case "attentionGrad": {
      const [, q, k] = node.inputs
      return 5 * 2 * count(q) * size(k, -2)
    }
    case "conv2d": {
      const [y, weight] = [node.outputs[0], node.inputs[1]]
      return (2 * count(y) * count(weight)) / size(weight, 0)
    }
    case "conv2dInputGrad": {
      const [dy, weight] = node.inputs
      return (2 * count(dy) * count(weight)) / size(weight, 0)
    }
    case "conv2dWeightGrad": {
      const [dy, dweight] = [node.inputs[0], node.outputs[0]]
      return (2 * count(dy) * count(dweight)) / size(dweight, 0)
    }
    default:
      return 0
  }
}
