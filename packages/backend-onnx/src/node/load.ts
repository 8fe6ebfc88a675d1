import { createRequire } from "node:module"
import { VitrineError } from "@vitrine/core"
import type * as Ort from "onnxruntime-common"

export interface OnnxAvailability {
  readonly available: boolean
  /** The version of onnxruntime-node, if it is installed. */
  readonly version?: string
  /** Why it cannot be used. */
  readonly reason?: string
}

export async function loadOrt(): Promise<typeof Ort> {
  try {
    const module = (await import("onnxruntime-node")) as unknown as { default?: typeof Ort } & typeof Ort
    return module.default ?? module
  } catch (error) {
    const why = (error as Error).message.split("\n")[0]
    throw new VitrineError(
      "backend",
      `onnxruntime-node cannot be loaded (${why}): install it with ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node, or use @vitrine/backend-onnx/web`,
      { cause: error },
    )
  }
}

/** Whether onnxruntime-node can be used here, and why not. */
export async function onnxAvailability(): Promise<OnnxAvailability> {
  const version = installedVersion()
  try {
    await loadOrt()
    return { available: true, ...(version === undefined ? {} : { version }) }
  } catch (error) {
    return { available: false, ...(version === undefined ? {} : { version }), reason: (error as Error).message }
  }
}

export function installedVersion(): string | undefined {
  try {
    return (createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string }).version
  } catch {
    return undefined
  }
}
