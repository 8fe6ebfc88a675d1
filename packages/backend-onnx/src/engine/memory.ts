import type { Graph } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import { runBytes } from "../onnx/memory.ts"
import { toOnnx } from "../onnx/to-onnx.ts"
import { nativeSliceRows } from "./engine.ts"
import { flatten } from "./flat.ts"
import { partsOf } from "./slices.ts"

/** The memory that ONNX Runtime takes for a graph besides its inputs and slots, in bytes but for the nodes. */
export interface GraphMemory {
  /** Values between nodes: the greatest sum that is alive at once. */
  readonly values: number
  /** Sums over the batch, and gradients on their way to the optimizer. */
  readonly buffers: number
  readonly nodes: number
}

/**
 * Predicts the memory that a graph takes.
 * @param native whether it is onnxruntime-node, which divides batches and runs updates over flat buffers
 */
export function graphMemory(graph: Graph, batch: number | undefined, native: boolean): GraphMemory {
  const { stages, rest, totals = {} } = partsOf(graph, batch, native ? nativeSliceRows : Number.POSITIVE_INFINITY)
  const flat = native ? flatten(rest.graph) : { rest: rest.graph, updates: [] }
  const models = [...stages, { ...rest, graph: flat.rest }].map((part) =>
    toOnnx(part.graph, part.batch === undefined ? {} : { batch: part.batch }),
  )
  const sizes = [
    ...Object.values(totals).map(({ shape }) => elementCount(shape)),
    ...flat.updates.flatMap(({ vectors, types }) =>
      vectors.filter(({ kind }) => kind === "outputs").flatMap(() => types.map(({ shape }) => elementCount(shape))),
    ),
  ]
  return {
    values: models.reduce((sum, model) => sum + runBytes(model), 0),
    buffers: sizes.reduce((sum, n) => sum + 4 * n, 0),
    nodes: models.reduce((sum, { nodes }) => sum + nodes.length, 0),
  }
}
