import type { OnnxWebOptions } from "@vitrine/backend-onnx/web"
import { type Backend, VitrineError } from "@vitrine/core"

/** The backend of a page, and the options of `onnx-web`. */
export interface BackendChoice extends OnnxWebOptions {
  /**
   * `webgpu`, `onnx-web` (WebAssembly), `reference` (float64, slow), or an open backend, which stays open. The default
   * `auto` means webgpu if the page has a GPU, and onnx-web otherwise.
   */
  readonly backend?: string | Backend | undefined
}

/** The backends by name. Each is fetched when it is needed. */
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
 * Opens a backend by its name, so that several models or runs can share it.
 * @throws VitrineError (backend) for an unknown name, and for a backend that this browser cannot run
 */
export async function createBackend(name = "auto", options: OnnxWebOptions = {}): Promise<Backend> {
  const factory = Object.hasOwn(factories, name) ? factories[name] : undefined
  if (factory === undefined)
    throw new VitrineError("backend", `no backend "${name}": choose ${Object.keys(factories).join(", ")}`)
  return factory(options)
}

/**
 * Opens the backend of a choice. `close` closes it only if it was opened here.
 * @throws VitrineError (backend)
 */
export async function openBackend({
  backend: choice,
  ...options
}: BackendChoice): Promise<{ readonly backend: Backend; close(): Promise<void> }> {
  if (typeof choice === "object") return { backend: choice, close: async () => {} }
  const backend = await createBackend(choice, options)
  return { backend, close: backend.close }
}
