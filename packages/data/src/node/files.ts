import { realpath, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { Dataset, FilesSource } from "../dataset.ts"
import { decodeImage } from "./decode.ts"
import { unreadable } from "./unreadable.ts"

/** Opens image files as a data set; they are decoded when they are read. */
export function openFiles(source: FilesSource): Dataset {
  const { name, classes, paths, labels } = source
  const describe = (index: number): string => paths[index] ?? `${name}, image ${index}`
  return {
    name,
    classes,
    length: paths.length,
    channels: 3,
    labels,
    source,
    describe,
    read: (index) => decodeImage(describe(index)),
  }
}

/**
 * Every file under a folder, by relative path with "/" between its parts. Links are followed, each linked folder once.
 * @throws VitrineError when a folder cannot be read, or holds more than ten million files
 */
export async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = []
  const linked = new Set<string>()
  const walk = async (path: string, relative: string): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => {
      throw unreadable(path, error)
    })
    for (const entry of entries) {
      const inner = join(path, entry.name)
      const relativePath = relative === "" ? entry.name : `${relative}/${entry.name}`
      let isFolder = entry.isDirectory()
      if (entry.isSymbolicLink()) {
        const target = await stat(inner).catch(() => undefined)
        isFolder = target?.isDirectory() ?? false
        if (isFolder) {
          const real = await realpath(inner)
          if (linked.has(real) || folderStart(await realpath(path)).startsWith(folderStart(real))) continue
          linked.add(real)
        }
      }
      if (isFolder) {
        // A hidden folder counts once, for all that is in it.
        if (entry.name.startsWith(".") || entry.name === "__MACOSX") files.push(relativePath)
        else await walk(inner, relativePath)
      } else files.push(relativePath)
      if (files.length > 1e7) throw new VitrineError("file", `${folder}: holds more than ten million files`)
    }
  }
  await walk(folder, "")
  return files
}

const folderStart = (path: string): string => `${path}/`
