import { existsSync, readdirSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { VitrineError } from "@vitrine/core"
import type * as Ort from "onnxruntime-common"

/** Whether onnxruntime-node can be used here, and if not, the reason. */
export interface OnnxAvailability {
  readonly available: boolean
  /** The version of onnxruntime-node, if it is installed. */
  readonly version?: string
  /** The reason why it cannot be used. */
  readonly reason?: string
}

/** The first line of an error's message. */
export function firstLine(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n")
  return line
}

export async function loadOrt(): Promise<typeof Ort> {
  try {
    const module: typeof Ort & { readonly default?: typeof Ort } = await import("onnxruntime-node")
    return module.default ?? module
  } catch (error) {
    throw new VitrineError(
      "backend",
      `onnxruntime-node cannot be loaded (${firstLine(error)}): install it with ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node, or use @vitrine/backend-onnx/web`,
      { cause: error },
    )
  }
}

/** Finds out whether onnxruntime-node can be used here. */
export async function onnxAvailability(): Promise<OnnxAvailability> {
  const version = installedVersion()
  try {
    await loadOrt()
    return { available: true, ...(version === undefined ? {} : { version }) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { available: false, ...(version === undefined ? {} : { version }), reason }
  }
}

/** The reason why ONNX Runtime cannot use CUDA here. Undefined if its CUDA library is installed. */
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
    const { version }: { readonly version: string } = createRequire(import.meta.url)("onnxruntime-node/package.json")
    return version
  } catch {
    return undefined
  }
}
