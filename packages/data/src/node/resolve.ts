import { stat } from "node:fs/promises"
import { basename, dirname, join, relative, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import { numberedClasses } from "../classes.ts"
import { byCodePoint } from "../code-points.ts"
import type { DatasetSource, IdxSource } from "../dataset.ts"
import { isHiddenPath } from "../formats.ts"
import { type FolderOptions, folderLayout, type FolderSplit } from "../layout.ts"
import { isAddress, plainAddress } from "../remote.ts"
import { checkFraction, type Split, type SplitNames } from "../splits.ts"
import { isArchivePath } from "./archive.ts"
import { specialLines } from "./files.ts"
import { divide } from "./divide.ts"
import { readIdx } from "./idx.ts"
import { resolveNpz } from "./npz.ts"
import { bracePattern } from "./braces.ts"
import { areSamples, resolveShards, type ShardFile } from "./shards/resolve.ts"
import { isParquetPath, parquetNames } from "./parquet/names.ts"
import type { ParquetOptions } from "./parquet/options.ts"
import { resolveParquet, resolveRemoteParquet } from "./parquet/on-demand.ts"
import { readFileWithin } from "./open-file.ts"
import type { ResolvedData } from "../resolved.ts"
import { type ColumnOptions, hasLabelColumn } from "../tables/columns.ts"
import { isTablePath, mostTableBytes } from "../tables/table.ts"
import { parseTable } from "./tables/parse.ts"
import { metadataTables, resolveTables, topTables } from "./tables/resolve.ts"
import { type FileTree, openTree } from "./tree.ts"

/** How a path becomes data sets. */
export interface ResolveOptions extends FolderOptions, ColumnOptions, ParquetOptions {}

/**
 * Finds the training, the validation and the test set of a path or a name:
 * - `shapes`: the built-in drawings, 50,000 and 2,000 of them;
 * - a folder with MNIST's four IDX files, plain or gzipped; a file classes.txt may name the classes, one on each line;
 * - a folder of images with a folder for each class, with or without folders for splits around them (see
 *   `folderLayout`);
 * - a folder of images with a table of labels: Hugging Face's metadata.csv or metadata.jsonl, which takes precedence
 *   over class folders, or another .csv, .tsv or .jsonl if there are no class folders; or such a table itself;
 * - a .tar, .tar.gz, .tgz or .zip of such a folder,
 * - a .tar of WebDataset's samples, a folder of them, or a pattern with braces, as `train-{000..009}.tar`;
 * - the address of a .parquet file or of a .tar shard on a server, which is read by ranges;
 * - a .parquet file, or a folder of them, with images as bytes or as paths;
 * - an .npz with x_train and y_train, or MedMNIST's train_images and train_labels.
 * @throws VitrineError with the path and what was expected
 */
export async function resolveData(pathOrName: string, options: ResolveOptions = {}): Promise<ResolvedData> {
  const { seed = 0, valFraction } = options
  checkFraction(valFraction)
  if (isAddress(pathOrName)) return resolveAddress(pathOrName, options)
  const path = resolve(pathOrName)
  const info = await stat(path).catch(() => undefined)
  if (pathOrName === "shapes" && !info?.isDirectory())
    return {
      train: { kind: "shapes", split: "train", size: 50_000, seed },
      val: { kind: "shapes", split: "val", size: 2_000, seed },
      test: null,
      splitNames: { train: "train", val: "val" },
      passedOver: [],
      notes: [],
    }
  const files = info === undefined ? bracePattern(pathOrName) : undefined
  if (files !== undefined) return resolvePattern(files, pathOrName, options)
  if (info === undefined)
    throw new VitrineError("file", `${pathOrName}: no such file or folder, and the only built-in data set is "shapes"`)
  if (info.isFile() && /\.npz$/i.test(path)) return resolveNpz(path, options)
  if (info.isFile() && isParquetPath(path)) return resolveParquet(dirname(path), [basename(path)], pathOrName, options)
  const isTable = info.isFile() && isTablePath(path)
  if (!info.isDirectory() && !isTable && !isArchivePath(path))
    throw new VitrineError(
      "file",
      `${pathOrName}: is neither a folder nor a .tar, .tar.gz, .tgz or .zip archive nor an .npz nor a .parquet nor a .csv, .tsv or .jsonl table`,
    )
  const tree = await openTree(isTable ? dirname(path) : path, isTablePath)
  try {
    if (isTable) return await resolveTables(tree, [basename(path)], pathOrName, options)
    const idx = info.isDirectory() ? await findIdx(path, tree.others, options) : undefined
    if (idx !== undefined) return idx
    const tars = shardNames(tree, info.isDirectory())
    if (tars !== undefined)
      return await resolveShards(shardFiles(info.isDirectory() ? path : dirname(path), tars), pathOrName, options)
    const parquet = info.isDirectory() && !hasImages(tree) ? parquetNames(tree.others) : []
    return parquet.length > 0
      ? await resolveParquet(path, parquet, pathOrName, options)
      : await resolveImages(tree, pathOrName, options)
  } finally {
    await tree.close()
  }
}

/** The shards of a folder that holds nothing else, or a tar file of samples. */
function shardNames(tree: FileTree, isFolder: boolean): readonly string[] | undefined {
  const { names, others, path } = tree
  if (!isFolder) return /\.tar$/i.test(path) && areSamples([...names]) ? [basename(path)] : undefined
  if (hasImages(tree)) return undefined
  const tars = others.filter((name) => /\.tar$/i.test(name) && !isHiddenPath(name)).sort(byCodePoint)
  return tars.length > 0 ? tars : undefined
}

const hasImages = ({ names, others }: FileTree): boolean => names.length > others.length

const shardFiles = (folder: string, names: readonly string[]): ShardFile[] =>
  names.map((name) => ({ name, path: join(folder, name) }))

/** Whether a file has the name of an archive, a table, Parquet or .npz, and not that of an image. */
export const isDataPath = (path: string): boolean =>
  /\.npz$/i.test(path) || [isParquetPath, isTablePath, isArchivePath].some((is) => is(path))

/** Resolves the address of a Parquet file or a shard, or a pattern of addresses. */
function resolveAddress(address: string, options: ResolveOptions): Promise<ResolvedData> {
  const urls = bracePattern(address) ?? [address]
  if (![address, ...urls].every((url) => URL.canParse(url)))
    throw new VitrineError("config", "an address of data is none that can be read, as https://host/train.parquet")
  const title = plainAddress(address)
  const parts = urls.map((url) => ({ url, name: basename(new URL(url).pathname) }))
  if (parts.every(({ name }) => isParquetPath(name))) return resolveRemoteParquet(parts, title, options)
  if (parts.every(({ name }) => /\.tar$/i.test(name)))
    return resolveShards(
      parts.map(({ url, name }) => ({ name, path: url })),
      title,
      options,
    )
  throw new VitrineError(
    "config",
    `${title}: of addresses, those of .parquet files and of .tar shards are read; download others`,
  )
}

/** Resolves the files of a pattern with braces: Parquet, or shards of WebDataset. */
async function resolvePattern(files: readonly string[], title: string, options: ResolveOptions): Promise<ResolvedData> {
  const paths = files.map((file) => resolve(file))
  const folder = dirname(at(paths, 0))
  const names = paths.map((path) => relative(folder, path).replaceAll("\\", "/"))
  return names.every(isParquetPath)
    ? resolveParquet(folder, names, title, options)
    : resolveShards(shardFiles(folder, names), title, options)
}

/** Finds labels in a table if there is one with labels, and otherwise in folders. */
async function resolveImages(tree: FileTree, name: string, options: ResolveOptions): Promise<ResolvedData> {
  const { unlabelled = false, fileColumn, labelColumns } = options
  if (unlabelled) return resolveFolders(tree, name, options)
  const isNamed = fileColumn !== undefined || labelColumns !== undefined
  const metadata = metadataTables(tree)
  const tables = metadata.length > 0 ? metadata : topTables(tree)
  if (tables !== undefined && tables.length > 0 && (isNamed || metadata.length > 0)) {
    const [first = ""] = tables
    const hasLabels = isNamed || hasLabelColumn(parseTable(await tree.read(first, mostTableBytes), first))
    const folders = hasLabels ? undefined : foldersOrFault(tree, name, options)
    if (folders === undefined || folders instanceof VitrineError) return resolveTables(tree, tables, name, options)
    return { ...folders, notes: [...folders.notes, `${first} has no column of labels: the classes are the folders`] }
  }
  const folders = foldersOrFault(tree, name, options)
  // Images that are in no class folders, or all in one, have their labels elsewhere.
  const classes = folders instanceof VitrineError ? 0 : classCount(folders.train)
  if (tables !== undefined && tables.length > 0 && classes < 2) return resolveTables(tree, tables, name, options)
  if (folders instanceof VitrineError) {
    const others = tree.others.filter((file) => isTablePath(file) && !isHiddenPath(file))
    if (others.length === 0) throw folders
    throw new VitrineError(
      folders.kind,
      `${folders.message}; it holds tables (${others.slice(0, 5).join(", ")}): give the one with the labels, as ${name}/${others[0]}`,
    )
  }
  return folders
}

const classCount = (source: DatasetSource): number =>
  source.kind === "files" || source.kind === "packed" ? source.classes.length : 0

function foldersOrFault(tree: FileTree, name: string, options: ResolveOptions): ResolvedData | VitrineError {
  try {
    return resolveFolders(tree, name, options)
  } catch (error) {
    if (error instanceof VitrineError) return error
    throw error
  }
}

function resolveFolders(tree: FileTree, name: string, options: ResolveOptions): ResolvedData {
  const { names, special, path } = tree
  const layout = folderLayout(names, name, options)
  const { classes, folders: splitNames } = layout
  const source = ({ items, labels }: FolderSplit, split: Split): DatasetSource =>
    tree.imagesAt(items, `${basename(path)} ${split}`, { classes, labels, skipped: layout.skipped })
  const { train, val, test } = layout
  return {
    train: source(train, "train"),
    val: val && source(val, "val"),
    test: test && source(test, "test"),
    splitNames,
    passedOver: [...layout.passedOver, ...specialLines(special)],
    notes: [],
  }
}

/** Finds MNIST's files by their names, which its descendants also use. Returns undefined if there are none. */
async function findIdx(
  folder: string,
  files: readonly string[],
  { testValidates = false, valFraction, seed = 0 }: ResolveOptions,
): Promise<ResolvedData | undefined> {
  const find = (split: string, what: string): string | undefined => {
    const pattern = new RegExp(`^(.*-)?(${split})-${what}[-.]idx\\d-ubyte(\\.gz)?$`)
    const name = files.filter((file) => pattern.test(file)).sort((a, b) => a.length - b.length)[0]
    return name === undefined ? undefined : join(folder, name)
  }
  const pair = (split: string): IdxPair | undefined => {
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
  const nameOf = (split: Split, files: IdxPair | undefined): SplitNames =>
    files === undefined ? {} : { [split]: basename(files.images).replace(/-images.*$/, "") }
  const train = pair("train")
  if (train === undefined) return undefined
  const val = pair(testValidates ? "t10k|val|valid|validation|test" : "val|valid|validation")
  const test = testValidates ? undefined : pair("t10k|test")
  const labelsOf = async (files: IdxPair | undefined): Promise<Uint8Array> =>
    files === undefined ? new Uint8Array() : (await readIdx(files.labels)).data
  const trainLabels = await labelsOf(train)
  const names = files.includes("classes.txt")
    ? new TextDecoder()
        .decode(await readFileWithin(join(folder, "classes.txt"), 2 ** 24))
        .split(/\r?\n/)
        .filter((line) => line.trim() !== "")
    : undefined
  const numbers = [...trainLabels, ...(await labelsOf(val)), ...(await labelsOf(test))]
  const { classes, notes } = names === undefined ? numberedClasses(numbers, folder) : { classes: names, notes: [] }
  const source = (files: IdxPair): IdxSource => ({ kind: "idx", ...files, classes })
  const share = valFraction ?? (test === undefined ? 0.1 : 0)
  const divided =
    val === undefined && !testValidates
      ? divide(source(train), trainLabels, classes, share, seed)
      : { train: source(train), val: val === undefined ? null : source(val) }
  const splitNames = { ...nameOf("train", train), ...nameOf("val", val), ...nameOf("test", test) }
  return { ...divided, test: test === undefined ? null : source(test), splitNames, passedOver: [], notes }
}

type IdxPair = Pick<IdxSource, "images" | "labels">
