import { referenceBackend } from "@vitrine/backend-reference"
import type { Backend } from "@vitrine/core"
import type { BackendName } from "./backend-name.ts"

let choice: BackendName = "auto"
let backend: Promise<Backend> | undefined

/** Sets the backend of the worker. The page calls this before anything else. */
export function chooseBackend(name: BackendName): void {
  choice = name
}

/** The backend of this worker. All rooms share it. After a failure the next call tries again. */
export function sharedBackend(): Promise<Backend> {
  backend ??= openBackend().catch((error: unknown) => {
    backend = undefined
    throw error
  })
  return backend
}

/** The engines are megabytes, so their code is fetched when a room needs one. */
async function openBackend(): Promise<Backend> {
  const { createBackend } = await import("vitrine/web")
  return createBackend(choice, { worker: false })
}

/** The backend of the guide: plain TypeScript, which is fast enough for its models, unless the reader chose an engine. */
export function guideBackend(): Promise<Backend> {
  return choice === "auto" ? Promise.resolve(referenceBackend()) : sharedBackend()
}

/** Whether an error means that the device is lost. If it is, the next call of `sharedBackend` opens another one. */
export function dropLostBackend(error: unknown): boolean {
  const isLost = error instanceof Error && /device was lost/.test(error.message)
  if (isLost) backend = undefined
  return isLost
}

/** Runs `work`, and runs it again if the device was lost. `forget` drops the objects on the lost device. */
export async function retryOnNewDevice<T>(work: () => Promise<T>, forget: () => void): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!dropLostBackend(error)) throw error
    forget()
    return work()
  }
}
