import { type Signal, signal } from "@preact/signals"
import { type Remote, wrap } from "comlink"
import { strings } from "../strings/index.ts"
import type { BackendName } from "./backend.ts"
import type { Engine } from "./worker.ts"

let started: Remote<Engine> | undefined

/** What the reader wants to have computed on. */
export const chosenBackend: Signal<BackendName> = signal(stored())

function stored(): BackendName {
  const value = localStorage.getItem("backend")
  return value === "webgpu" || value === "onnx-web" ? value : "auto"
}

/** Takes effect with a new page, for models and runs live on the backend that they were begun on. */
export function choose(backend: BackendName): void {
  localStorage.setItem("backend", backend)
  location.reload()
}

/** Why the worker cannot run at all; null while it does. */
export const engineFault: Signal<string | null> = signal(null)

/** The worker that all rooms share, started when it is first asked for. */
export function engine(): Remote<Engine> {
  if (started === undefined) {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "engine" })
    worker.addEventListener("error", (event) => {
      engineFault.value = event.message || "worker"
    })
    started = wrap<Engine>(worker)
    void started.chooseBackend(chosenBackend.peek())
  }
  return started
}

/** An error in words, whichever side of the worker it comes from. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const { status } = strings.peek()
  if (/device was lost/.test(message)) return status.deviceLost
  return /out of memory|allocation failed|bad_alloc|array buffer alloc/i.test(message) ? status.noMemory : message
}
