import { VitrineError } from "@vitrine/core"
import type { RunPlace } from "../run.ts"
import { type BackendChoice, openBackend } from "./backend.ts"
import type { MemoryStore } from "./memory-store.ts"

export interface PageRunOptions extends BackendChoice {
  /** The store of the run. Without it the result cannot be loaded afterwards. */
  readonly store?: MemoryStore | undefined
  /** Whether to continue from the newest checkpoint in the store, with the recipe and the seed of its record. */
  readonly resume?: boolean | undefined
  /** Decides initialisation, order, augmentation and dropout; 0 by default. */
  readonly seed?: number | undefined
  /** The number of steps between checkpoints. By default each evaluation has one. */
  readonly checkpointEvery?: number | undefined
  /** Ends the run after the current step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined
}

/** A run in the memory of a page. */
export async function memoryRun({ store, resume = false, ...options }: PageRunOptions): Promise<RunPlace> {
  if (!resume && store?.config != null)
    throw new VitrineError(
      "config",
      "the store holds a run already: go on with it (resume), or give a new memoryStore()",
    )
  return {
    resumed: resume ? { config: store?.config, checkpoint: store?.resume() ?? undefined, damaged: [] } : undefined,
    path: () => null,
    store: () => store,
    openBackend: () => openBackend(options),
    async writeRecord({ device }, engines, config, changed = false) {
      if (!resume || changed) store?.writeConfig(config([...engines, device]))
    },
    discard: async () => {},
    close: async () => {},
  }
}
