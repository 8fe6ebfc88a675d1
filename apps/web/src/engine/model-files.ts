import { VitrineError } from "@vitrine/core"
import { type Entry, unpack } from "./archive.ts"

/** The files of a model by their paths, and a name for the reader. */
export interface ModelFiles {
  readonly name: string
  readonly files: ReadonlyMap<string, Blob>
}

/** Finds a model among dropped files, folders and zips. */
export async function droppedModel(entries: readonly Entry[]): Promise<ModelFiles> {
  const files = await unpack(entries)
  const paths = [...files.keys()].sort((a, b) => a.split("/").length - b.split("/").length)
  const [path = "model"] = [...paths.filter((each) => /\.(safetensors|npz)$/.test(each)), ...paths]
  const [archive] = entries.length === 1 ? (entries[0] ?? []) : []
  return { name: path.includes("/") ? (path.split("/")[0] ?? path) : (archive ?? path), files }
}

/**
 * Fetches a model that the site publishes.
 * @param folder its address
 */
export async function publishedModel(folder: string): Promise<ModelFiles["files"]> {
  const files = new Map<string, Blob>()
  for (const file of ["config.json", "model.safetensors"]) files.set(file, await publishedFile(folder, file))
  return files
}

/** Fetches a file of a model that the site publishes. */
export async function publishedFile(folder: string, file: string): Promise<Blob> {
  const response = await fetch(`${folder}${file}`)
  if (!response.ok) throw new VitrineError("file", `${file}: cannot be fetched (status ${response.status})`)
  return response.blob()
}
