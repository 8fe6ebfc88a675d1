import { realpath, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { Dataset, FilesSource } from "../dataset.ts"
import { fileKind, isHiddenName, isHiddenPath, isImagePath, passedOverLines } from "../formats.ts"
import { decodeLimits } from "../limits.ts"
import { encodedImages } from "./encoded.ts"
import { mapped, type NameList } from "../names.ts"
import { readFileWithin } from "./open-file.ts"
import { type PathList, pathList, pathWriter } from "./shared-paths.ts"
import { unreadable } from "./unreadable.ts"

/** Opens image files as a data set. They are decoded when they are read. */
export function openFiles(source: FilesSource): Dataset {
  const { name } = source
  const paths = absolutePaths(source)
  const describe = (index: number): string => paths.at(index) ?? `${name}, image ${index}`
  return encodedImages({
    source,
    length: paths.length,
    describe,
    bytes: (index) => readFileWithin(describe(index), decodeLimits.fileBytes),
  })
}

/** The paths of image files. */
export function absolutePaths({ paths }: FilesSource): NameList {
  if (!("pages" in paths)) return paths
  return mapped(pathList(paths.pages, paths.starts), (path) => join(paths.folder, path))
}

/** The files under a folder. */
export interface ListedFiles {
  /** Relative paths with "/" between their parts. Folders without files have "/" at their end. */
  readonly names: PathList
  /** Those of `names` that are no images. */
  readonly others: readonly string[]
  /** Pipes, devices and broken links, which must not be opened. */
  readonly special: readonly string[]
}

/**
 * Lists every file under a folder, and every folder without files. Links are followed, but each linked folder only
 * once.
 * @throws VitrineError if a folder cannot be read, or contains more than ten million files
 */
export async function listFiles(folder: string): Promise<ListedFiles> {
  const names = pathWriter()
  const others: string[] = []
  const special: string[] = []
  const linked = new Set<string>()
  const add = (path: string): void => {
    if (names.count === 1e7) throw new VitrineError("file", `${folder}: holds more than ten million files`)
    names.add(path)
    if (!isImagePath(path)) others.push(path)
  }
  const walk = async (path: string, relative: string): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => {
      throw unreadable(path, error)
    })
    if (entries.every(({ name }) => isHiddenName(name)) && relative !== "") add(`${relative}/`)
    for (const entry of entries) {
      const relativePath = relative === "" ? entry.name : `${relative}/${entry.name}`
      let isFolder = entry.isDirectory()
      let isFile = entry.isFile()
      if (entry.isSymbolicLink()) {
        const inner = join(path, entry.name)
        const target = await stat(inner).catch(() => undefined)
        isFolder = target?.isDirectory() ?? false
        isFile = target?.isFile() ?? false
        if (isFolder) {
          const real = await realpath(inner)
          if (linked.has(real) || folderStart(await realpath(path)).startsWith(folderStart(real))) continue
          linked.add(real)
        }
      }
      // A hidden folder counts as one, whatever it contains.
      if (isFolder && !isHiddenName(entry.name)) await walk(join(path, entry.name), relativePath)
      else if (isFolder || isFile) add(relativePath)
      else special.push(relativePath)
    }
  }
  await walk(folder, "")
  return { names: names.list(), others, special }
}

/**
 * The images in a folder and below, sorted, and a line for each kind of other files.
 * @throws VitrineError if a folder cannot be read
 */
export async function listImages(
  folder: string,
): Promise<{ readonly images: string[]; readonly passedOver: readonly string[] }> {
  const { names, others, special } = await listFiles(folder)
  const visible = others.filter((file) => !isHiddenPath(file))
  return {
    images: [...names].filter(isImagePath).sort(),
    passedOver: [...passedOverLines(visible.map((path) => [fileKind(path), path] as const)), ...specialLines(special)],
  }
}

/** A line with the number of files that are not regular, or no line. */
export function specialLines(special: readonly string[]): string[] {
  return passedOverLines(special.map((path) => ["that are no regular files", path] as const))
}

const folderStart = (path: string): string => `${path}/`
