import type { Graph } from "@vitrine/core"
import { planOf } from "./plan.ts"

/** The limits of every WebGPU device. */
const leastLimits = { bindings: 8, largest: 2 ** 27, workgroupMemory: 16384, subgroup: 0 }

/**
 * The bytes of device memory that a run of a graph takes besides its inputs and slots. It needs no device.
 * @param half whether activations are stored in float16
 */
export function workBytes(graph: Graph, batch: number | undefined, half: boolean = false): number {
  const { memory } = planOf(graph, batch, {}, { ...leastLimits, half })
  return memory.arenas.reduce((sum, bytes) => sum + bytes, 0)
}
