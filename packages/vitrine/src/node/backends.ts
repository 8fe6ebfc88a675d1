import { type Backend, VitrineError } from "@vitrine/core"

export interface BackendOptions {
  /** Threads of the engine; by default as many as there are cores. */
  readonly threads?: number
  /** Whether the engine runs in a worker, so that this thread answers while it computes; true by default. */
  readonly worker?: boolean
}

/** Makes a backend, or fails with a VitrineError (backend) that says why it cannot be had. */
export type BackendFactory = (options: BackendOptions) => Promise<Backend>

/** The backends of this package by name; a program may add others. */
export const backends: Readonly<Record<string, BackendFactory>> = {
  onnx: async (options) => (await import("@vitrine/backend-onnx/node")).onnxBackend(options),
  "onnx-web": async (options) => (await import("@vitrine/backend-onnx/web")).onnxBackend(options),
  reference: async () => (await import("@vitrine/backend-reference")).referenceBackend(),
}

/** The order in which `auto` tries them. */
const preferred = ["onnx", "onnx-web"]

/**
 * Makes the backend of a name; `auto` takes the first that loads of onnx (native) and onnx-web (WebAssembly).
 * @throws VitrineError (backend), saying what was tried and why it failed.
 */
export async function createBackend(
  name: string = "auto",
  options: BackendOptions = {},
  known: Readonly<Record<string, BackendFactory>> = backends,
): Promise<Backend> {
  if (name !== "auto") {
    const factory = Object.hasOwn(known, name) ? known[name] : undefined
    if (factory === undefined)
      throw new VitrineError("backend", `no backend "${name}": choose auto, ${Object.keys(known).join(", ")}`)
    return factory(options)
  }
  const failures: string[] = []
  for (const candidate of preferred)
    try {
      return await (known[candidate] as BackendFactory)(options)
    } catch (error) {
      if (!VitrineError.isInstance(error)) throw error
      failures.push(`${candidate}: ${error.message}`)
    }
  throw new VitrineError("backend", `no backend could be loaded; ${failures.join("; ")}`)
}
