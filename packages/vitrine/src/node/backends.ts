import { type Backend, VitrineError } from "@vitrine/core"

/** The types in which a backend may compute. */
export const backendPrecisions = ["float32", "bfloat16", "float16"] as const

/** Options of a backend that is opened by name. */
export interface BackendOptions {
  /** The number of threads of the engine; by default the number of cores. */
  readonly threads?: number
  /** Whether the engine runs in a worker, so that this thread stays responsive; true by default. */
  readonly worker?: boolean
  /**
   * float32 by default. On node-gpu and node-cpu, bfloat16 is the type of the factors of matrix products. On webgpu,
   * float16 is the type in which activations are stored, and training needs `lossScaling`.
   */
  readonly precision?: (typeof backendPrecisions)[number]
  /**
   * Whether an emulated GPU, which computes on the CPU, is accepted. By default it is accepted if the backend is named,
   * and not for `auto`.
   */
  readonly software?: boolean
}

/**
 * Makes a backend.
 * @throws VitrineError (backend) that says why the backend is not available
 */
export type BackendFactory = (options: BackendOptions) => Promise<Backend>

/** The backends of this package by name. A program may add others. */
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

/** The backends that `auto` tries, in this order. */
const preferred: readonly string[] = ["webgpu", "onnx", "onnx-web"]

/** Whether a backend reads constants from their file. Other backends need the values. */
export const readsFiles = ({ name }: Backend): boolean => name === "onnx" || name === "onnx-web"

/** An open backend, and why others were not taken. */
export interface ChosenBackend {
  readonly backend: Backend
  /** The backends that `auto` prefers but that are not available, with the reasons. */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[]
}

/**
 * Makes the backend with a name. `auto` is the first available one of webgpu (on a real GPU), onnx (native) and
 * onnx-web (WebAssembly).
 * @throws VitrineError (backend) that says what was tried and why it failed
 */
export async function chooseBackend(
  name: string = "auto",
  options: BackendOptions = {},
  factories: Readonly<Record<string, BackendFactory>> = backends,
): Promise<ChosenBackend> {
  if (name !== "auto") {
    const factory = Object.hasOwn(factories, name) ? factories[name] : undefined
    if (factory === undefined)
      throw new VitrineError("backend", `no backend "${name}": choose auto, ${Object.keys(factories).join(", ")}`)
    return { backend: await factory(options), passedOver: [] }
  }
  const passedOver: { name: string; reason: string }[] = []
  for (const candidate of preferred)
    try {
      const factory = factories[candidate]
      if (factory !== undefined) return { backend: await factory({ software: false, ...options }), passedOver }
    } catch (error) {
      if (!VitrineError.isInstance(error)) throw error
      passedOver.push({ name: candidate, reason: error.message })
    }
  const reasons = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; ")
  throw new VitrineError("backend", `no backend could be loaded; ${reasons}`)
}

/** Makes the backend that `chooseBackend` chooses. */
export async function createBackend(...choice: Parameters<typeof chooseBackend>): Promise<Backend> {
  return (await chooseBackend(...choice)).backend
}

/** The backend that computes. */
export interface BackendChoice extends BackendOptions {
  /** The name of a backend, or an open backend, which stays open; `auto` by default. */
  readonly backend?: string | Backend | undefined
}

/** Opens the backend of a choice. `close` closes it only if it was opened here. */
export async function openBackend({
  backend: choice,
  ...options
}: BackendChoice): Promise<{ readonly backend: Backend; close(): Promise<void> }> {
  if (typeof choice === "object") return { backend: choice, close: async () => {} }
  const backend = await createBackend(choice, options)
  return { backend, close: backend.close }
}
