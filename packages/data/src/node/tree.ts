import { stat } from "node:fs/promises"
import { basename, join, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import type { FilesSource, PackedSource } from "../dataset.ts"
import { isImagePath } from "../formats.ts"
import type { NameList } from "../names.ts"
import { isArchivePath, openArchive, type PackedFile, packedSource, readArchive } from "./archive.ts"
import { listFiles } from "./files.ts"
import { readFileWithin } from "./open-file.ts"
import { type PathList, pathsOf } from "./shared-paths.ts"

/** The files of a folder or an archive, as relative paths with "/" between the parts. */
export interface FileTree {
  readonly path: string
  readonly names: NameList
  /** The names that are not those of images. */
  readonly others: readonly string[]
  /** Pipes, devices and broken links, which must not be opened. Links and devices of an archive are only counted. */
  readonly special: readonly string[]
  /**
   * Reads the bytes of a file of `names`.
   * @throws VitrineError for a file of more than `most` bytes
   */
  read(name: string, most: number): Promise<Uint8Array>
  /** Makes some files of `names` into images, in this order. Without labels they have one class. */
  images(names: readonly string[], title: string, labels?: TreeLabels): FilesSource | PackedSource
  /** Makes files into images by their indices in `names`. */
  imagesAt(indices: Uint32Array, title: string, labels: TreeLabels): FilesSource | PackedSource
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
  const { names, others, special } = await listFiles(path)
  const source = ({ pages, starts }: PathList, title: string, { labels, ...rest }: TreeLabels): FilesSource => ({
    kind: "files",
    name: title,
    paths: { folder: path, pages, starts },
    labels: sharedLabels(labels),
    ...rest,
  })
  return {
    path,
    names,
    others,
    special,
    read: (name, most) => readFileWithin(join(path, name), most),
    images: (files, title, labels = unlabelled(path, files.length)) => source(pathsOf(files), title, labels),
    imagesAt: (indices, title, labels) => source(names.pick(indices), title, labels),
    close: async () => {},
  }
}

/** Labels that threads share. */
function sharedLabels(labels: Int32Array): Int32Array {
  const shared = new Int32Array(new SharedArrayBuffer(labels.byteLength))
  shared.set(labels)
  return shared
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
  const names = [...files.keys()]
  const source = (images: readonly PackedFile[], title: string, labels: TreeLabels): PackedSource =>
    packedSource(packed, images, { name: title, ...labels, skipped: labels.skipped + packed.links })
  return {
    path,
    names,
    others: names.filter((name) => !isImagePath(name)),
    special: [],
    async read(name, most) {
      const file = find(name)
      const { size } = file
      if (size > most) throw new VitrineError("file", `${path}: ${name}: is ${size} bytes; up to ${most} are read`)
      return read(file)
    },
    images: (images, title, labels = unlabelled(path, images.length)) => source(images.map(find), title, labels),
    imagesAt: (indices, title, labels) =>
      source(
        Array.from(indices, (index) => find(at(names, index))),
        title,
        labels,
      ),
    close,
  }
}

const unlabelled = (path: string, count: number): TreeLabels => ({
  classes: [basename(path)],
  labels: new Int32Array(count),
  skipped: 0,
})
