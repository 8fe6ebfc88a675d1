import { open, stat } from "node:fs/promises"
import { basename, join, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { FilesSource, PackedSource } from "../dataset.ts"
import { isArchivePath, openArchive, packedSource, readArchive } from "./archive.ts"
import { listFiles } from "./files.ts"
import { unreadable } from "./unreadable.ts"

/** The files of a folder or of an archive, by relative paths with "/" between the parts. */
export interface FileTree {
  readonly path: string
  readonly names: readonly string[]
  /**
   * The bytes of a file of `names`.
   * @throws VitrineError for one that has more than `most`
   */
  read(name: string, most: number): Promise<Uint8Array>
  /** Some files of `names` as images of one class, in this order. */
  images(names: readonly string[], title: string): FilesSource | PackedSource
  close(): Promise<void>
}

/**
 * Opens a folder, or a .tar, .tar.gz or .tgz of one.
 * @param keeps which files but images will be read: of a gzipped archive only those are kept
 * @throws VitrineError for what is neither, and for a broken archive
 */
export async function openTree(path: string, keeps: (name: string) => boolean): Promise<FileTree> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new VitrineError("file", `${path}: no such file or folder`)
  if (found.isDirectory()) return folderTree(resolve(path))
  if (isArchivePath(path)) return archiveTree(resolve(path), keeps)
  throw new VitrineError("file", `${path}: is neither a folder nor a .tar, .tar.gz or .tgz archive`)
}

async function folderTree(path: string): Promise<FileTree> {
  return {
    path,
    names: await listFiles(path),
    async read(name, most) {
      const inner = join(path, name)
      const file = await open(inner).catch((error: Error) => {
        throw unreadable(inner, error)
      })
      try {
        const { size } = await file.stat()
        if (size > most) throw tooLarge(inner, size, most)
        return await file.readFile()
      } finally {
        await file.close()
      }
    },
    images: (names, title) => ({
      kind: "files",
      name: title,
      classes: [basename(path)],
      paths: names.map((name) => join(path, name)),
      labels: new Int32Array(names.length),
      skipped: 0,
    }),
    close: async () => {},
  }
}

async function archiveTree(path: string, keeps: (name: string) => boolean): Promise<FileTree> {
  const packed = await readArchive(path, keeps)
  const places = new Map(packed.names.map((name, i) => [name, i]))
  const place = (name: string): number => {
    const at = places.get(name)
    if (at === undefined) throw new VitrineError("file", `${path}: holds no ${name}`)
    return at
  }
  const { read, close } = await openArchive(packed)
  return {
    path,
    names: [...places.keys()],
    async read(name, most) {
      const at = place(name)
      const size = packed.sizes[at] as number
      if (size > most) throw tooLarge(`${path}: ${name}`, size, most)
      return read(packed.offsets[at] as number, size, `${path}: ${name}`)
    },
    images: (names, title) =>
      packedSource(packed, names.map(place), {
        name: title,
        classes: [basename(path)],
        labels: new Int32Array(names.length),
        skipped: packed.links,
      }),
    close,
  }
}

const tooLarge = (name: string, size: number, most: number): VitrineError =>
  new VitrineError("file", `${name}: is ${size} bytes; up to ${most} are read`)
