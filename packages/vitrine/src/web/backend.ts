import { type OnnxWebOptions, onnxBackend } from "@vitrine/backend-onnx/web"
import { referenceBackend } from "@vitrine/backend-reference"
import { type Backend, VitrineError } from "@vitrine/core"

/** Where to compute, and the options of `onnx-web`. */
export interface BackendChoice extends OnnxWebOptions {
  /** `onnx-web` (WebAssembly, the default), `reference` (float64, slow), or a backend that is yours to close. */
  readonly backend?: string | Backend | undefined
}

/**
 * The backend that is asked for, and what releases it if it was made here.
 * @throws VitrineError (backend)
 */
export async function openBackend(choice: BackendChoice): Promise<{ backend: Backend; close: () => Promise<void> }> {
  const { backend: wanted = "onnx-web", ...options } = choice
  if (typeof wanted === "object") return { backend: wanted, close: async () => {} }
  if (wanted !== "onnx-web" && wanted !== "auto" && wanted !== "reference")
    throw new VitrineError("backend", `no backend "${wanted}": choose auto, onnx-web or reference`)
  const backend = wanted === "reference" ? referenceBackend() : await onnxBackend(options)
  return { backend, close: backend.close }
}
