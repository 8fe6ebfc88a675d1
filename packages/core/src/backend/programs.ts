import type { Backend, CompileOptions, Program } from "./contract.ts"
import type { Graph } from "../graph/graph.ts"

/** One graph, compiled for one batch size after another. */
export interface Programs {
  /**
   * The program for a batch size. The first call with a size compiles it. After calls with `limit` other sizes the
   * program may be disposed of.
   */
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
  const cache = new Map<number, Promise<Program>>()
  return {
    async at(batch) {
      const program = cache.get(batch) ?? backend.compile(graph, { ...options, batch })
      cache.delete(batch)
      cache.set(batch, program)
      for (const [size, old] of cache) {
        if (cache.size <= limit) break
        cache.delete(size)
        await (await old).dispose()
      }
      return program.catch((error) => {
        cache.delete(batch)
        throw error
      })
    },
    async dispose() {
      const all = [...cache.values()]
      cache.clear()
      for (const program of all) await (await program).dispose()
    },
  }
}
