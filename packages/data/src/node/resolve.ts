import { stat } from "node:fs/promises"
import { basename, join, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import type { DatasetSource, FilesSource, IdxSource } from "../dataset.ts"
import { folderLayout, type FolderSplit } from "../layout.ts"
import { isArchivePath, resolveArchive } from "./archive.ts"
import { listFiles } from "./files.ts"
import { defaultClasses, readIdx } from "./idx.ts"
import { readFileWithin } from "./open-file.ts"

export interface ResolveOptions {
  /** Share of each class to hold out where the data have no validation set of their own; default 0.1. */
  readonly valFraction?: number
  /** Decides which images those are, and the built-in drawings; default 0. */
  readonly seed?: number
}

export interface ResolvedData {
  readonly train: DatasetSource
  readonly val: DatasetSource | null
  /** Files that are passed over, a line for each kind with its number and an example. */
  readonly passedOver: readonly string[]
}

/**
 * Finds the training and the validation set of a path or a name:
 * - `shapes`: the built-in drawings, 50,000 and 2,000 of them,
 * - a folder with MNIST's four IDX files, plain or gzipped; a file classes.txt may name the classes, one a line,
 * - a folder of images, a folder for each class, with or without train and val | valid | validation | test around them,
 * - a .tar, .tar.gz or .tgz of such a folder.
 * @throws VitrineError naming the path and what was expected
 */
export async function resolveData(pathOrName: string, options: ResolveOptions = {}): Promise<ResolvedData> {
  const { seed = 0 } = options
  const path = resolve(pathOrName)
  const info = await stat(path).catch(() => undefined)
  if (pathOrName === "shapes" && !info?.isDirectory())
    return {
      train: { kind: "shapes", split: "train", size: 50_000, seed },
      val: { kind: "shapes", split: "val", size: 2_000, seed },
      passedOver: [],
    }
  if (info === undefined)
    throw new VitrineError("file", `${pathOrName}: no such file or folder, and the only built-in data set is "shapes"`)
  if (!info.isDirectory()) {
    if (isArchivePath(path)) return resolveArchive(path, options)
    throw new VitrineError("file", `${pathOrName}: is neither a folder nor a .tar, .tar.gz or .tgz archive`)
  }
  const files = await listFiles(path)
  const idx = await findIdx(path, files)
  if (idx !== undefined) return idx
  const parts = folderLayout(files, pathOrName, options)
  const source = ({ items, labels }: FolderSplit, split: string): FilesSource => ({
    kind: "files",
    name: `${basename(path)} ${split}`,
    classes: parts.classes,
    paths: items.map((item) => join(path, at(files, item))),
    labels,
    skipped: parts.skipped,
  })
  const { train, val, passedOver } = parts
  return { train: source(train, "train"), val: val === null ? null : source(val, "val"), passedOver }
}

/** MNIST's files, by the names that its descendants use too; undefined where there are none. */
async function findIdx(folder: string, files: readonly string[]): Promise<ResolvedData | undefined> {
  const find = (split: string, what: string): string | undefined => {
    const pattern = new RegExp(`^(.*-)?(${split})-${what}[-.]idx\\d-ubyte(\\.gz)?$`)
    const name = files.filter((file) => pattern.test(file)).sort((a, b) => a.length - b.length)[0]
    return name === undefined ? undefined : join(folder, name)
  }
  const pair = (split: string): { images: string; labels: string } | undefined => {
    const images = find(split, "images")
    const labels = find(split, "labels")
    if (images === undefined && labels === undefined) return undefined
    if (images === undefined || labels === undefined)
      throw new VitrineError(
        "file",
        `${folder}: has ${images ?? labels}, but no ${images ? "labels" : "images"} file for it`,
      )
    return { images, labels }
  }
  const train = pair("train")
  if (train === undefined) return undefined
  const val = pair("t10k|val|valid|validation|test")
  const classes = files.includes("classes.txt")
    ? new TextDecoder()
        .decode(await readFileWithin(join(folder, "classes.txt"), 2 ** 24))
        .split(/\r?\n/)
        .filter((line) => line.trim() !== "")
    : defaultClasses((await readIdx(train.labels)).data, val ? (await readIdx(val.labels)).data : new Uint8Array())
  const source = (files: { images: string; labels: string }): IdxSource => ({ kind: "idx", ...files, classes })
  return { train: source(train), val: val === undefined ? null : source(val), passedOver: [] }
}
