import { bindDim, elementCount } from "../tensor/shape.ts"
import type { DType, Ops, TensorType } from "../tensor/tensor.ts"
import { type Graph, type GraphNode, lastUses } from "./graph.ts"

/** Bytes of one element as stored. */
export const bytesOf: Readonly<Record<DType, number>> = { float32: 4, float16: 2, bfloat16: 2, int32: 4, bool: 1 }

export interface GraphCost {
  /** Multiplications and additions of matrix products and convolutions: 2 for each multiply-accumulate. */
  readonly flops: number
  /** The most bytes that live at once if each value is freed after its last use, states and inputs included. */
  readonly peakBytes: number
  /** Bytes of the state slots: parameters, moments, accumulators. */
  readonly stateBytes: number
}

/** What one run of a graph costs at a batch size, before any backend fuses or reuses anything. */
export function graphCost(g: Graph, batch?: number): GraphCost {
  const bytes = g.values.map(({ shape, dtype }) => elementCount(shape, batch) * bytesOf[dtype])
  const stateBytes = Object.values(g.states).reduce((total, value) => total + (bytes[value] as number), 0)
  const last = lastUses(g)
  const dying = new Map<number, number>()
  last.forEach((i, value) => void dying.set(i, (dying.get(i) ?? 0) + (bytes[value] as number)))
  let flops = 0
  let live = 0
  let peakBytes = 0
  g.nodes.forEach((node, i) => {
    flops += nodeFlops(g, node, batch)
    for (const value of node.outputs) live += bytes[value] as number
    peakBytes = Math.max(peakBytes, live)
    live -= dying.get(i) ?? 0
  })
  return { flops, peakBytes, stateBytes }
}

function nodeFlops(g: Graph, { op, attributes, inputs, outputs }: GraphNode, batch?: number): number {
  const type = (value: number | undefined): TensorType => g.values[value ?? -1] as TensorType
  const count = (value: number | undefined): number => elementCount(type(value).shape, batch)
  const dim = (value: number | undefined, axis: number): number => bindDim(type(value).shape.at(axis) ?? 1, batch)
  switch (op) {
    case "matMul":
      return 2 * count(outputs[0]) * dim(inputs[0], (attributes as Ops["matMul"]).transposeA ? -2 : -1)
    case "linear":
      return 2 * count(outputs[0]) * dim(inputs[1], 1)
    case "attention":
      return 2 * count(inputs[0]) * dim(inputs[1], -2) + 2 * count(outputs[0]) * dim(inputs[1], -2)
    case "attentionGrad":
      return 5 * 2 * count(inputs[1]) * dim(inputs[2], -2)
    case "conv2d":
      return (2 * count(outputs[0]) * count(inputs[1])) / dim(inputs[1], 0)
    case "conv2dInputGrad":
      return (2 * count(inputs[0]) * count(inputs[1])) / dim(inputs[1], 0)
    case "conv2dWeightGrad":
      return (2 * count(inputs[0]) * count(outputs[0])) / dim(outputs[0], 0)
    default:
      return 0
  }
}
