import { existsSync, readdirSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
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

/** Why ONNX Runtime cannot use CUDA here, or undefined where its library for it is installed. */
export function cudaProvider(): string | undefined {
  let folder: string
  try {
    folder = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"))
  } catch {
    return "onnxruntime-node is not installed: npm install onnxruntime-node"
  }
  const file = `libonnxruntime_providers_cuda.${process.platform === "win32" ? "dll" : "so"}`
  const platform = join(process.platform, process.arch)
  const versions = readdirSync(join(folder, "bin"))
  if (versions.some((version) => existsSync(join(folder, "bin", version, platform, file)))) return undefined
  return `onnxruntime-node ${installedVersion()} has no CUDA libraries for ${process.platform}-${process.arch}: on Linux x64 with CUDA 12, ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node fetches them`
}

export function installedVersion(): string | undefined {
  try {
    return (createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string }).version
  } catch {
    return undefined
  }
}
