import type { Backend } from "@vitrine/core"
import { createBackend } from "vitrine/web"

/** What a reader can have computed on. */
export type BackendName = "auto" | "webgpu" | "onnx-web"

let wanted: BackendName = "auto"
let opened: Promise<Backend> | undefined

/** Said by the page before anything else. */
export function chooseBackend(name: BackendName): void {
  wanted = name
}

/** The one backend of this worker, that all rooms share. A failure is not kept, so that the next call tries again. */
export function sharedBackend(): Promise<Backend> {
  opened ??= createBackend(wanted, { worker: false }).catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}

/** Whether an error says that the device is gone; the next call of `sharedBackend` then opens another. */
export function lost(error: unknown): boolean {
  const gone = error instanceof Error && /device was lost/.test(error.message)
  if (gone) opened = undefined
  return gone
}

/** Does work, and does it once more where a lost device broke it off. `forget` drops what lived on that device. */
export async function surviving<T>(work: () => Promise<T>, forget: () => void): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!lost(error)) throw error
    forget()
    return work()
  }
}
