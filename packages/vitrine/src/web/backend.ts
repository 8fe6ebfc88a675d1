import type { OnnxWebOptions } from "@vitrine/backend-onnx/web"
import { type Backend, VitrineError } from "@vitrine/core"

/** Where to compute, and the options of `onnx-web`. */
export interface BackendChoice extends OnnxWebOptions {
  /**
   * `webgpu`, `onnx-web` (WebAssembly), `reference` (float64, slow), or a backend that is yours to close. `auto`, the
   * default, is webgpu where the page has a GPU for it, and onnx-web elsewhere.
   */
  readonly backend?: string | Backend | undefined
}

/** Each is fetched when it is asked for. */
const factories: Readonly<Record<string, (options: OnnxWebOptions) => Promise<Backend>>> = {
  auto: async (options) => {
    const { webgpuBackend } = await import("@vitrine/backend-webgpu")
    return webgpuBackend().catch((error: unknown) => {
      if (!VitrineError.isInstance(error)) throw error
      return onnxWeb(options)
    })
  },
  webgpu: async () => (await import("@vitrine/backend-webgpu")).webgpuBackend({ software: true }),
  "onnx-web": onnxWeb,
  reference: async () => (await import("@vitrine/backend-reference")).referenceBackend(),
}

async function onnxWeb(options: OnnxWebOptions): Promise<Backend> {
  return (await import("@vitrine/backend-onnx/web")).onnxBackend(options)
}

/**
 * Opens a backend by its name, for several models or runs to share.
 * @throws VitrineError (backend) for a name that there is not, and for what this browser cannot do.
 */
export async function createBackend(name = "auto", options: OnnxWebOptions = {}): Promise<Backend> {
  const factory = Object.hasOwn(factories, name) ? factories[name] : undefined
  if (factory === undefined)
    throw new VitrineError("backend", `no backend "${name}": choose ${Object.keys(factories).join(", ")}`)
  return factory(options)
}

/**
 * The backend that is asked for, and what releases it if it was made here.
 * @throws VitrineError (backend)
 */
export async function openBackend(choice: BackendChoice): Promise<{ backend: Backend; close: () => Promise<void> }> {
  const { backend: wanted, ...options } = choice
  if (typeof wanted === "object") return { backend: wanted, close: async () => {} }
  const backend = await createBackend(wanted, options)
  return { backend, close: backend.close }
}
