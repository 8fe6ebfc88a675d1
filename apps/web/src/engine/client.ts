import { type Signal, signal } from "@preact/signals"
import { proxy, type Remote, wrap } from "comlink"
import { reportFiles } from "../offline.ts"
import { storedValue, storeValue } from "../stored.ts"
import { strings } from "../strings/index.ts"
import { type BackendName, isBackendName } from "./backend-name.ts"
import type { Engine } from "./worker.ts"

let remote: Remote<Engine> | undefined

/** The backend that the reader chose. */
export const chosenBackend: Signal<BackendName> = signal(storedBackend())

function storedBackend(): BackendName {
  const name = storedValue("backend")
  return isBackendName(name) ? name : "auto"
}

/** Reloads the page with another backend. Models and runs cannot move to another backend. */
export function switchBackend(name: BackendName): void {
  storeValue("backend", name)
  location.reload()
}

/** The reason why the worker cannot run at all, or null if it can. */
export const engineFault: Signal<string | null> = signal(null)

/** The worker that all rooms share. The first call starts it. */
export function engine(): Remote<Engine> {
  if (remote === undefined) {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "engine" })
    worker.addEventListener("error", (event) => {
      engineFault.value = event.message || "worker"
    })
    remote = wrap<Engine>(worker)
    void remote.chooseBackend(chosenBackend.peek())
    void remote.watchFiles(proxy(reportFiles))
  }
  return remote
}

/** The message of an error, which the page or the worker threw. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const { status } = strings.peek()
  if (/device was lost/.test(message)) return status.deviceLost
  return /out of memory|allocation failed|bad_alloc|array buffer alloc/i.test(message) ? status.noMemory : message
}
