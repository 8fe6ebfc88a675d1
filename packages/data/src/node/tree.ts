import { stat } from "node:fs/promises"
import { basename, join, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { FilesSource, PackedSource } from "../dataset.ts"
import { isArchivePath, openArchive, type PackedFile, packedSource, readArchive } from "./archive.ts"
import { listFiles } from "./files.ts"
import { readFileWithin } from "./open-file.ts"

/** The files of a folder or an archive, as relative paths with "/" between the parts. */
export interface FileTree {
  readonly path: string
  readonly names: readonly string[]
  /** Pipes, devices and broken links, which must not be opened. Links and devices of an archive are only counted. */
  readonly special: readonly string[]
  /**
   * Reads the bytes of a file of `names`.
   * @throws VitrineError for a file of more than `most` bytes
   */
  read(name: string, most: number): Promise<Uint8Array>
  /** Makes some files of `names` into images, in this order. Without labels they have one class. */
  images(names: readonly string[], title: string, labels?: TreeLabels): FilesSource | PackedSource
  close(): Promise<void>
}

/** The classes of images, and the number of files that were passed over. */
export type TreeLabels = Pick<FilesSource, "classes" | "labels" | "labelSets" | "skipped">

/**
 * Opens a folder, or a .tar, .tar.gz, .tgz or .zip of one.
 * @param keeps whether a file that is no image will be read; a gzipped archive does not keep others
 * @throws VitrineError for another kind of path, and for a broken archive
 */
export async function openTree(path: string, keeps: (name: string) => boolean): Promise<FileTree> {
  const info = await stat(path).catch(() => undefined)
  if (info === undefined) throw new VitrineError("file", `${path}: no such file or folder`)
  if (info.isDirectory()) return folderTree(resolve(path))
  if (isArchivePath(path)) return archiveTree(resolve(path), keeps)
  throw new VitrineError("file", `${path}: is neither a folder nor a .tar, .tar.gz, .tgz or .zip archive`)
}

async function folderTree(path: string): Promise<FileTree> {
  const { files, special } = await listFiles(path)
  return {
    path,
    names: files,
    special,
    read: (name, most) => readFileWithin(join(path, name), most),
    images: (names, title, labels = unlabelled(path, names.length)) => ({
      kind: "files",
      name: title,
      paths: names.map((name) => join(path, name)),
      ...labels,
    }),
    close: async () => {},
  }
}

async function archiveTree(path: string, keeps: (name: string) => boolean): Promise<FileTree> {
  const packed = await readArchive(path, keeps)
  const files = new Map(packed.files.map((file) => [file.name, file]))
  const find = (name: string): PackedFile => {
    const file = files.get(name)
    if (file === undefined) throw new VitrineError("file", `${path}: holds no ${name}`)
    return file
  }
  const { read, close } = await openArchive(packed)
  return {
    path,
    names: [...files.keys()],
    special: [],
    async read(name, most) {
      const file = find(name)
      const { size } = file
      if (size > most) throw new VitrineError("file", `${path}: ${name}: is ${size} bytes; up to ${most} are read`)
      return read(file)
    },
    images: (names, title, labels = unlabelled(path, names.length)) =>
      packedSource(packed, names.map(find), { name: title, ...labels, skipped: labels.skipped + packed.links }),
    close,
  }
}

const unlabelled = (path: string, count: number): TreeLabels => ({
  classes: [basename(path)],
  labels: new Int32Array(count),
  skipped: 0,
})
