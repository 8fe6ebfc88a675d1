import type { Backend, CompileOptions, Program } from "./contract.ts"
import type { Graph } from "../graph/graph.ts"

/** One graph compiled for the batch sizes that are asked for. */
export interface Programs {
  /** The program for a batch size, compiled at the first call. It may be disposed of once `limit` other sizes were used. */
  at(batch: number): Promise<Program>
  dispose(): Promise<void>
}

/** Keeps the programs of the `limit` batch sizes used last, and releases the others. */
export function programs(
  backend: Backend,
  graph: Graph,
  options: Omit<CompileOptions, "batch"> = {},
  limit: number = 2,
): Programs {
  const held = new Map<number, Promise<Program>>()
  return {
    async at(batch) {
      const program = held.get(batch) ?? backend.compile(graph, { ...options, batch })
      held.delete(batch)
      held.set(batch, program)
      for (const [size, old] of held) {
        if (held.size <= limit) break
        held.delete(size)
        await (await old).dispose()
      }
      return program.catch((error) => {
        held.delete(batch)
        throw error
      })
    },
    async dispose() {
      const all = [...held.values()]
      held.clear()
      for (const program of all) await (await program).dispose()
    },
  }
}
