import { realpath, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { Dataset, FilesSource } from "../dataset.ts"
import { fileKind, isHiddenName, isHiddenPath, isImagePath, passedOverLines } from "../formats.ts"
import { decodeLimits } from "../limits.ts"
import { encodedImages } from "./encoded.ts"
import { readFileWithin } from "./open-file.ts"
import { unreadable } from "./unreadable.ts"

/** Opens image files as a data set. They are decoded when they are read. */
export function openFiles(source: FilesSource): Dataset {
  const { name, paths } = source
  const describe = (index: number): string => paths[index] ?? `${name}, image ${index}`
  return encodedImages({
    source,
    length: paths.length,
    describe,
    bytes: (index) => readFileWithin(describe(index), decodeLimits.fileBytes),
  })
}

/**
 * Lists every file under a folder, as a relative path with "/" between its parts, and every folder without files, with
 * "/" at its end. Links are followed, but each linked folder only once. `special` lists pipes, devices and broken
 * links, which must not be opened.
 * @throws VitrineError if a folder cannot be read, or contains more than ten million files
 */
export async function listFiles(folder: string): Promise<{ readonly files: string[]; readonly special: string[] }> {
  const files: string[] = []
  const special: string[] = []
  const linked = new Set<string>()
  const walk = async (path: string, relative: string): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => {
      throw unreadable(path, error)
    })
    if (entries.every(({ name }) => isHiddenName(name)) && relative !== "") files.push(`${relative}/`)
    for (const entry of entries) {
      const inner = join(path, entry.name)
      const relativePath = relative === "" ? entry.name : `${relative}/${entry.name}`
      let isFolder = entry.isDirectory()
      let isFile = entry.isFile()
      if (entry.isSymbolicLink()) {
        const target = await stat(inner).catch(() => undefined)
        isFolder = target?.isDirectory() ?? false
        isFile = target?.isFile() ?? false
        if (isFolder) {
          const real = await realpath(inner)
          if (linked.has(real) || folderStart(await realpath(path)).startsWith(folderStart(real))) continue
          linked.add(real)
        }
      }
      if (isFolder) {
        // A hidden folder counts as one, whatever it contains.
        if (isHiddenName(entry.name)) files.push(relativePath)
        else await walk(inner, relativePath)
      } else (isFile ? files : special).push(relativePath)
      if (files.length > 1e7) throw new VitrineError("file", `${folder}: holds more than ten million files`)
    }
  }
  await walk(folder, "")
  return { files, special }
}

/**
 * The images in a folder and below, sorted, and a line for each kind of other files.
 * @throws VitrineError if a folder cannot be read
 */
export async function listImages(
  folder: string,
): Promise<{ readonly images: string[]; readonly passedOver: readonly string[] }> {
  const { files, special } = await listFiles(folder)
  const others = files.filter((file) => !isImagePath(file) && !isHiddenPath(file))
  return {
    images: files.filter(isImagePath).sort(),
    passedOver: [...passedOverLines(others.map((path) => [fileKind(path), path] as const)), ...specialLines(special)],
  }
}

/** A line with the number of files that are not regular, or no line. */
export function specialLines(special: readonly string[]): string[] {
  return passedOverLines(special.map((path) => ["that are no regular files", path] as const))
}

const folderStart = (path: string): string => `${path}/`
