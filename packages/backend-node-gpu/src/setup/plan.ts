import { VitrineError } from "@vitrine/core"
import type { AddonName } from "../find.ts"
import { filesOf, type PinnedFile, platformsOf } from "./files.ts"
import { indexFiles, type PythonIndex, pythonIndex } from "./python-index.ts"

export interface Download extends PinnedFile {
  readonly url: string
}

/** The files that a setup downloads, and the disk space that it needs. */
export interface SetupPlan {
  readonly name: AddonName
  readonly downloads: readonly Download[]
  /** The greatest number of bytes on disk. It is reached while the archives are unpacked. */
  readonly peakBytes: number
}

/**
 * Plans a setup: the files that it needs and their addresses on the Python index.
 * @throws VitrineError (backend) on a platform without a recipe; (config) for an index that is no address; (file) if
 *   the index cannot be reached or lacks a file
 */
export async function planSetup(name: AddonName, signal?: AbortSignal): Promise<SetupPlan> {
  return planOf(name, filesHere(name), signal)
}

/** @throws VitrineError (backend) */
export function filesHere(name: AddonName): readonly PinnedFile[] {
  const platform = `${process.platform}-${process.arch}`
  const files = filesOf(name, platform)
  if (files !== undefined) return files
  throw new VitrineError(
    "backend",
    `no ${name} on ${platform}: it can be set up on ${platformsOf(name).join(", ")}; --backend onnx runs here`,
  )
}

export async function planOf(
  name: AddonName,
  files: readonly PinnedFile[],
  signal: AbortSignal | undefined,
): Promise<SetupPlan> {
  const index = pythonIndex()
  const downloads = await Promise.all(files.map((file) => locate(index, file, signal)))
  // A wheel and its unpacked libraries need 4.1 times the wheel's size for libtensorflow, and up to 2.4 times for
  // NVIDIA's.
  const room = downloads.map(({ project, size }) => size * (project.startsWith("tensorflow") ? 4.5 : 2.5))
  return { name, downloads, peakBytes: Math.ceil(room.reduce((sum, bytes) => sum + bytes, 0)) }
}

/** Finds the address of a file on an index. */
export async function locate(index: PythonIndex, file: PinnedFile, signal?: AbortSignal): Promise<Download> {
  const files = await indexFiles(index, file.project, signal)
  const link = files.find(({ name }) => name === file.name)
  if (link === undefined)
    throw new VitrineError("file", `${index.url} has no ${file.name}; PIP_INDEX_URL names another`)
  return { ...file, url: link.url }
}
