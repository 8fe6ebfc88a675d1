import type { Backend } from "@vitrine/core"
import { engineBackend } from "../engine/backend.ts"
import { type NativeOptions, nativeEngine } from "./engine.ts"

export { type OnnxAvailability, onnxAvailability } from "./load.ts"

export interface OnnxBackendOptions extends NativeOptions {
  /** Run in a worker thread, so that this one stays free. True by default. */
  readonly worker?: boolean
}

/**
 * ONNX Runtime's native library.
 * @throws VitrineError (backend) when onnxruntime-node cannot be loaded.
 */
export async function onnxBackend({ worker: _ = true, ...options }: OnnxBackendOptions = {}): Promise<Backend> {
  return engineBackend(await nativeEngine(options))
}
