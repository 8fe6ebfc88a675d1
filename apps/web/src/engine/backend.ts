import type { Backend } from "@vitrine/core"
import { createBackend } from "vitrine/web"
import type { BackendName } from "./backend-name.ts"

let choice: BackendName = "auto"
let backend: Promise<Backend> | undefined

/** The page calls this before anything else. */
export function chooseBackend(name: BackendName): void {
  choice = name
}

/** The one backend of this worker, which all rooms share. After a failure the next call tries again. */
export function sharedBackend(): Promise<Backend> {
  backend ??= createBackend(choice, { worker: false }).catch((error: unknown) => {
    backend = undefined
    throw error
  })
  return backend
}

/** Whether an error says that the device is lost. If so, the next call of `sharedBackend` opens another. */
export function dropLostBackend(error: unknown): boolean {
  const isLost = error instanceof Error && /device was lost/.test(error.message)
  if (isLost) backend = undefined
  return isLost
}

/** Does work, and does it again after a lost device. `forget` drops what lived on that device. */
export async function retryOnNewDevice<T>(work: () => Promise<T>, forget: () => void): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!dropLostBackend(error)) throw error
    forget()
    return work()
  }
}
