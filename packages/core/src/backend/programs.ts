import type { Backend, CompileOptions, Program } from "./contract.ts"
import type { Graph } from "../graph/graph.ts"

/** One graph, compiled for one batch size after another. */
export interface Programs {
  /** The program for a batch size, compiled at the first call. It may be disposed of after `limit` other sizes were used. */
  at(batch: number): Promise<Program>
  dispose(): Promise<void>
}

/** Keeps the programs of the last `limit` batch sizes, and disposes of the others. */
export function programs(
  backend: Backend,
  graph: Graph,
  options: Omit<CompileOptions, "batch"> = {},
  limit: number = 2,
): Programs {
  const kept = new Map<number, Promise<Program>>()
  return {
    async at(batch) {
      const program = kept.get(batch) ?? backend.compile(graph, { ...options, batch })
      kept.delete(batch)
      kept.set(batch, program)
      for (const [size, old] of kept) {
        if (kept.size <= limit) break
        kept.delete(size)
        await (await old).dispose()
      }
      return program.catch((error) => {
        kept.delete(batch)
        throw error
      })
    },
    async dispose() {
      const all = [...kept.values()]
      kept.clear()
      for (const program of all) await (await program).dispose()
    },
  }
}
