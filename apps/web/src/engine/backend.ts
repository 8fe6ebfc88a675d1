import { onnxBackend } from "@vitrine/backend-onnx/web"
import type { Backend } from "@vitrine/core"

let opened: Promise<Backend> | undefined

/** The one backend of this worker, that all rooms share. A failure is not kept, so that the next call tries again. */
export function sharedBackend(): Promise<Backend> {
  opened ??= onnxBackend({ worker: false }).catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}
