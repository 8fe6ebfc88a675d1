import { type Remote, wrap } from "comlink"
import type { Engine } from "./worker.ts"

let started: Remote<Engine> | undefined

/** The worker that all rooms share, started when it is first asked for. */
export function engine(): Remote<Engine> {
  started ??= wrap<Engine>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "engine" }))
  return started
}

/** An error in words, whichever side of the worker it comes from. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
