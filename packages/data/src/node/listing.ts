import { createHash } from "node:crypto"
import { stat } from "node:fs/promises"
import { relative } from "node:path"
import { at } from "../at.ts"
import { mapConcurrently } from "../concurrent.ts"
import type { DatasetSource } from "../dataset.ts"
import { isAddress } from "../remote.ts"
import type { ResolvedData } from "./resolved.ts"
import { unreadable } from "./unreadable.ts"

/** What data consist of, to tell later whether they are still the same. */
export interface Listing {
  /** The number of files. */
  readonly files: number
  /** The size of all files in bytes. */
  readonly bytes: number
  /** The SHA-256 of all paths and sizes, sorted by path. */
  readonly digest: string
}

/**
 * Lists the files of a data set, or returns null for data without files.
 * @param root the folder of the data; paths are relative to it, so that data may move
 * @throws VitrineError (file) for a file that no longer exists
 */
export async function dataListing({ train, val, test }: ResolvedData, root: string): Promise<Listing | null> {
  const sizes = new Map<string, number>()
  for (const source of [train, val, test]) if (source !== null) await addFiles(source, root, sizes)
  if (sizes.size === 0) return null
  const hash = createHash("sha256")
  let bytes = 0
  for (const [path, size] of [...sizes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path}\0${size}\n`)
    bytes += size
  }
  return { files: sizes.size, bytes, digest: hash.digest("hex") }
}

/** The greatest number of system calls that wait at a time. */
const atOnce = 64

async function addFiles(source: DatasetSource, root: string, sizes: Map<string, number>): Promise<void> {
  const add = async (path: string): Promise<void> => {
    const { size } = await stat(path).catch((error: unknown) => {
      throw unreadable(path, error)
    })
    sizes.set(relative(root, path).replaceAll("\\", "/"), size)
  }
  switch (source.kind) {
    case "subset":
      return addFiles(source.of, root, sizes)
    case "idx":
      await add(source.images)
      return add(source.labels)
    case "npz":
      return add(source.path)
    case "packed":
      for (const [i, name] of source.names.entries()) sizes.set(name, at(source.sizes, i))
      return
    case "shards":
      for (const path of source.paths) await add(path)
      return
    case "parquet":
      for (const { path, bytes } of source.files)
        if (isAddress(path)) sizes.set(new URL(path).pathname, bytes)
        else await add(path)
      return
    case "files":
      await mapConcurrently(source.paths, atOnce, add)
      return
    case "shapes":
    case "pixels":
  }
}
