import { type Backend, VitrineError } from "@vitrine/core"

export interface BackendOptions {
  /** Threads of the engine; by default as many as there are cores. */
  readonly threads?: number
  /** Whether the engine runs in a worker, so that this thread answers while it computes; true by default. */
  readonly worker?: boolean
  /**
   * float32 by default. bfloat16 is what matrix products take their factors in on node-gpu and node-cpu; float16 is what
   * activations are stored in on webgpu, whose training then needs `lossScaling`.
   */
  readonly precision?: "float32" | "bfloat16" | "float16"
  /** Whether a GPU that the CPU emulates will do: where a backend is asked for by name, and not for `auto`. */
  readonly software?: boolean
}

/** Makes a backend, or fails with a VitrineError (backend) that says why it cannot be had. */
export type BackendFactory = (options: BackendOptions) => Promise<Backend>

/** The backends of this package by name; a program may add others. */
export const backends: Readonly<Record<string, BackendFactory>> = {
  onnx: async (options) => (await import("@vitrine/backend-onnx/node")).onnxBackend(options),
  "onnx-web": async (options) => (await import("@vitrine/backend-onnx/web")).onnxBackend(options),
  webgpu: async ({ software = true, precision }) =>
    (await import("@vitrine/backend-webgpu/node")).webgpuBackend({
      software,
      precision: precision === "float16" ? precision : "float32",
    }),
  reference: async () => (await import("@vitrine/backend-reference")).referenceBackend(),
}

/** The order in which `auto` tries them. */
export const preferred: readonly string[] = ["webgpu", "onnx", "onnx-web"]

/** Whether a backend reads constants from their file itself; others are given the values. */
export const readsFiles = ({ name }: Backend): boolean => name === "onnx" || name === "onnx-web"

export interface ChosenBackend {
  readonly backend: Backend
  /** Those that `auto` would have preferred, and why they cannot be had. */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[]
}

/**
 * Makes the backend of a name; `auto` takes the first that can be had of webgpu (where there is a GPU), onnx (native)
 * and onnx-web (WebAssembly).
 * @throws VitrineError (backend), saying what was tried and why it failed.
 */
export async function chooseBackend(
  name: string = "auto",
  options: BackendOptions = {},
  known: Readonly<Record<string, BackendFactory>> = backends,
): Promise<ChosenBackend> {
  if (name !== "auto") {
    const factory = Object.hasOwn(known, name) ? known[name] : undefined
    if (factory === undefined)
      throw new VitrineError("backend", `no backend "${name}": choose auto, ${Object.keys(known).join(", ")}`)
    return { backend: await factory(options), passedOver: [] }
  }
  const passedOver: { name: string; reason: string }[] = []
  for (const candidate of preferred)
    try {
      return { backend: await (known[candidate] as BackendFactory)({ software: false, ...options }), passedOver }
    } catch (error) {
      if (!VitrineError.isInstance(error)) throw error
      passedOver.push({ name: candidate, reason: error.message })
    }
  const tried = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; ")
  throw new VitrineError("backend", `no backend could be loaded; ${tried}`)
}

/** The backend that `chooseBackend` takes. */
export async function createBackend(...choice: Parameters<typeof chooseBackend>): Promise<Backend> {
  return (await chooseBackend(...choice)).backend
}
