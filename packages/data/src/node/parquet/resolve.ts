import { basename, join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import { byCodePoint } from "../../code-points.ts"
import type { ParquetPart, ParquetSource } from "../../dataset.ts"
import { isHiddenPath, passedOverLines } from "../../formats.ts"
import { pickLabelSets } from "../../label-sets.ts"
import { type Order, orderText, type OrderChoice, type WindowedOrder } from "../../order.ts"
import { indexGroup, isPlain } from "../../parquet/byte-index.ts"
import { type ImageColumn, imageColumn, type TableColumn, tableColumns } from "../../parquet/columns.ts"
import { openParquetFile, type ParquetFile } from "../../parquet/file.ts"
import { columnPortions } from "../../parquet/pages.ts"
import { columnValues, portionImages } from "../../parquet/values.ts"
import { isAddress, type RemoteFile, remoteSource } from "../../remote.ts"
import { type Split, splitOf, type SplitOptions } from "../../splits.ts"
import { mostPackedBytes, pagedMemory } from "../archive.ts"
import { fileSource, openFile } from "../open-file.ts"
import type { ResolvedData } from "../resolved.ts"
import { namedShards, splitNamed } from "../shard-names.ts"
import { cellText, type ColumnOptions, columnsOf, isEmpty, unlabelledColumns } from "../tables/columns.ts"
import { classLabels, noClasses, rowLabels } from "../tables/labels.ts"
import { type Cell, mostTableBytes, type Table } from "../tables/parse.ts"
import { resolveTables } from "../tables/resolve.ts"
import { type SplitExample, splitExamples, splitNamesOf } from "../tables/split-examples.ts"
import { openTree } from "../tree.ts"
import { placeOf, startsOf } from "./places.ts"
import { portionBytes } from "./portions.ts"

export interface ParquetOptions extends ColumnOptions, SplitOptions {
  /** The order of shuffled epochs; by default exact where images are read by their place, else windowed. */
  readonly order?: OrderChoice | undefined
  /** Whether images need no class. Then all form one class without a name. */
  readonly unlabelled?: boolean | undefined
  /** The name of the split for training, if it is not the usual one. */
  readonly trainSplit?: string | undefined
}

/**
 * Finds images and labels in some Parquet files of a folder.
 * @throws VitrineError (file, config)
 */
export async function resolveParquet(
  folder: string,
  names: readonly string[],
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  const parts = namedShards(names, title)
  const files: OpenPart[] = []
  const closers: (() => Promise<void>)[] = []
  try {
    for (const { name, split } of parts) {
      const path = join(folder, name)
      const { file, size } = await openFile(path)
      closers.push(() => file.close())
      files.push({ path, split, file: await openParquetFile(fileSource(file, size, path)) })
    }
    const images = columnOfImages(files, title, options)
    if (images?.kind !== "bytes" || holdsNoBytes(files, images))
      return await resolvePaths(folder, parts, files, images, title, options)
    return await resolveBytes(files, images, title, options)
  } finally {
    for (const close of closers) await close()
  }
}

/** A Parquet file on a server: its address, and a name that may say its split. */
export interface RemotePart extends RemoteFile {
  readonly name: string
}

/**
 * Finds images and labels in Parquet files on servers. Of images only the footers and the columns of labels are read.
 * @throws VitrineError (file, config)
 */
export async function resolveRemoteParquet(
  parts: readonly RemotePart[],
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  const splits = namedShards(
    parts.map(({ name }) => name),
    title,
  )
  const files = await severally(parts, async (part, i): Promise<OpenPart> => {
    const { split } = at(splits, i)
    const { url: path, authorization } = part
    return { path, authorization, split, file: await openParquetFile(await remoteSource(part)) }
  })
  const images = columnOfImages(files, title, options)
  if (images?.kind === "bytes" && !holdsNoBytes(files, images)) return resolveBytes(files, images, title, options)
  throw new VitrineError("file", `${title}: holds paths of images and not the images, which are read from a disk alone`)
}

function columnOfImages(
  files: readonly OpenPart[],
  title: string,
  { fileColumn }: ColumnOptions,
): ImageColumn | undefined {
  const [first] = files
  if (first === undefined) throw new VitrineError("file", `${title}: holds no Parquet file`)
  return imageColumn(first.file, fileColumn)
}

/** Requests that run at a time. */
const atOnce = 8

/** Runs a task for each item, some at a time, and returns the results in order. */
async function severally<T, R>(items: readonly T[], task: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += atOnce)
    results.push(...(await Promise.all(items.slice(i, i + atOnce).map((item, k) => task(item, i + k)))))
  return results
}

interface OpenPart extends Pick<ParquetPart, "authorization"> {
  readonly path: string
  readonly file: ParquetFile
  /** The name of the split, if the file's name says one. */
  readonly split: string | undefined
}

type BytesColumn = Extract<ImageColumn, { kind: "bytes" }>

/** Whether a struct of bytes and path has paths alone. */
function holdsNoBytes(files: readonly OpenPart[], { path, paths }: BytesColumn): boolean {
  if (paths === undefined) return false
  return files.every(({ file }) =>
    file.groups.every(({ rows, columns }) => columns.get(path)?.nulls === rows && columns.has(paths)),
  )
}

/** Reads files as tables of paths. */
async function resolvePaths(
  folder: string,
  parts: readonly { readonly name: string }[],
  files: readonly OpenPart[],
  images: ImageColumn | undefined,
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  const tree = await openTree(folder, () => false)
  try {
    const tables = new Map<string, Table>()
    for (const [i, { file, path }] of files.entries()) {
      const column = images && {
        name: images.column,
        path: (images.kind === "bytes" ? images.paths : images.path) ?? "",
      }
      tables.set(at(parts, i).name, await tableOf(file, basename(path), column, options))
    }
    const columns = { ...options, fileColumn: images?.column ?? options.fileColumn }
    return await resolveTables(tree, [...tables.keys()], title, columns, async (name) => {
      const table = tables.get(name)
      if (table === undefined) throw new Error(`there is no table ${name}`)
      return table
    })
  } finally {
    await tree.close()
  }
}

/** Reads the columns of a file that can be labels, splits or paths. Numbers of a ClassLabel become its names. */
async function tableOf(
  file: ParquetFile,
  name: string,
  images: Pick<TableColumn, "name" | "path"> | undefined,
  { labelColumns }: ColumnOptions,
): Promise<Table> {
  const all = tableColumns(file).filter((column) => column.name !== images?.name)
  const classLabel = labelColumns === undefined ? all.filter(({ classNames }) => classNames !== undefined) : []
  const isNeeded = ({ name, classNames }: TableColumn): boolean =>
    labelColumns?.includes(name) ?? (classLabel.length === 0 || classNames !== undefined || splitOf(name) !== undefined)
  const columns = [
    ...(images ? [{ ...images, classNames: undefined }] : []),
    ...all.filter((column) => isNeeded(column) || /^(split|subset|partition|set|usage)$/i.test(column.name)),
  ]
  const bytes = columns.map(({ path }) =>
    file.groups.reduce((sum, group) => sum + (group.columns.get(path)?.unpacked ?? 0), 0),
  )
  const values: Cell[][] = []
  const read: TableColumn[] = []
  for (const [i, column] of columns.entries()) {
    // A long text is no label. A column that was named is read, or refused.
    if (at(bytes, i) > mostTableBytes && labelColumns?.includes(column.name) !== true && i > 0) continue
    if (at(bytes, i) > mostTableBytes)
      throw new VitrineError(
        "file",
        `${file.source.name}: its column ${column.name} has ${at(bytes, i)} bytes; up to ${mostTableBytes} are read`,
      )
    const cells = await severally(file.groups, async (group) => {
      const part = group.columns.get(column.path)
      return part === undefined ? [] : columnValues(file, group, part)
    })
    values.push(cells.flat().map(namedCell(column, file.source.name)))
    read.push(column)
  }
  const rows = Array.from({ length: file.rows }, (_, row) => values.map((column) => column[row]))
  return { name, columns: read.map(({ name }) => name), rows }
}

/** Turns the numbers of a ClassLabel into its names. -1 means that there is no label. */
function namedCell({ name, classNames }: TableColumn, file: string): (cell: Cell) => Cell {
  if (classNames === undefined) return (cell) => cell
  const named = (cell: Cell): Cell => {
    if (Array.isArray(cell)) return cell.map(named)
    if (isEmpty(cell) || cell === -1) return undefined
    const text = classNames[Number(cell)]
    if (text === undefined)
      throw new VitrineError(
        "file",
        `${file}: the column ${name} has the class ${cellText(cell)}, but only ${classNames.length} names`,
      )
    return text
  }
  return named
}

async function resolveBytes(
  files: readonly OpenPart[],
  images: BytesColumn,
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  const { unlabelled = false } = options
  const { table, classNames, parts } = await wholeTable(files, images, unlabelled ? { labelColumns: [] } : options)
  const labelColumns = options.labelColumns ?? (classNames && [classNames.column])
  const columns = unlabelled ? unlabelledColumns(table) : columnsOf(table, { fileColumn: images.column, labelColumns })
  const index = await byteIndex(files, images)
  const passed: (readonly [kind: string, example: string])[] = []
  const present = Uint32Array.from(table.rows.keys()).filter((row) => {
    const isThere = !index.missing.has(row)
    if (!isThere) passed.push([`rows of ${table.name} without an image`, `row ${row}`])
    return isThere
  })
  const places = [...present]
  const read = unlabelled
    ? noClasses(places.length)
    : classNames === undefined
      ? rowLabels(table, columns, places)
      : classLabels(table, columns, places, classNames.names)
  const { classes, labelSets } = read
  const starts = startsOf(parts)
  const examples = places.flatMap((row, place): Example[] => {
    const label = at(read.labels, place)
    if (labelSets === undefined && label < 0) {
      passed.push([`rows of ${table.name} without a label`, `row ${row}`])
      return []
    }
    const cell = columns.split === undefined ? undefined : at(table.rows, row)[columns.split]
    const name = isEmpty(cell) ? at(parts, placeOf(starts, row)[0]).split : cellText(cell)
    const split = splitNamed(name, options.trainSplit)
    if (split === "other") {
      passed.push([`rows of the split "${name}"`, `row ${row}`])
      return []
    }
    return [{ row, place, label, split, splitName: split && name }]
  })
  const facts = { classes, several: labelSets !== undefined, title, table: table.name }
  const lists = splitExamples(examples, facts, options, () => {
    const lines = passedOverLines(passed)
    return `has no image with a label${lines.length > 0 ? `: ${lines.join("; ")}` : ""}`
  })
  const { order, note, ...content } = await contentOf(files, images, index, title, options)
  const source = (split: Split): ParquetSource => ({
    kind: "parquet",
    name: `${basename(title)} ${split}`,
    classes,
    files: parts.map(({ path, rows, bytes, authorization }) => ({
      path,
      rows,
      bytes,
      ...(authorization !== undefined && { authorization }),
    })),
    column: images.path,
    rows: Uint32Array.from(lists[split], ({ row }) => row),
    labels: Int32Array.from(lists[split], ({ label }) => label),
    ...(labelSets && {
      labelSets: pickLabelSets(
        labelSets,
        lists[split].map(({ place }) => place),
      ),
    }),
    ...content,
    order,
  })
  const labelNames = columns.labels.map((column) => table.columns[column] ?? "")
  const labelled = unlabelled ? "images" : "images and labels"
  return {
    train: source("train"),
    val: lists.val.length > 0 ? source("val") : null,
    test: lists.test.length > 0 ? source("test") : null,
    splitNames: splitNamesOf(lists),
    passedOver: passedOverLines(passed),
    notes: [
      `${labelled} by Parquet (${[images.column, ...(unlabelled ? [] : [labelNames.slice(0, 4).join(", ")])].join("; ")})`,
      ...read.notes,
      note,
    ],
  }
}

interface Example extends SplitExample {
  /** The row, counted through all files. */
  readonly row: number
  /** Its index among the rows with images. */
  readonly place: number
}

/** A file and its split. */
interface PlacedPart extends ParquetPart {
  readonly split: string | undefined
}

/** The tables of all files one after another, with an empty column in the place of the images. */
async function wholeTable(
  files: readonly OpenPart[],
  images: BytesColumn,
  options: ColumnOptions,
): Promise<{
  readonly table: Table
  readonly classNames: { readonly column: string; readonly names: readonly string[] } | undefined
  readonly parts: readonly PlacedPart[]
}> {
  const rows: (readonly Cell[])[] = []
  const parts: PlacedPart[] = []
  let columns: readonly string[] | undefined
  let name = ""
  for (const { file, path, split, authorization } of files) {
    const table = await tableOf(file, basename(file.source.name), undefined, {
      ...options,
      labelColumns: options.labelColumns ?? labelledColumn(file, images),
    })
    columns ??= table.columns
    name ||= table.name
    if (!file.groups.every(({ columns }) => columns.has(images.path)))
      throw new VitrineError("file", `${path}: has no column ${images.path}, as ${name} has`)
    const places = columns.map((column) => table.columns.indexOf(column))
    parts.push({ path, rows: file.rows, bytes: file.source.size, split, authorization })
    for (const row of table.rows) rows.push([undefined, ...places.map((place) => row[place])])
  }
  const [first] = files
  const [column = ""] = options.labelColumns ?? (first && labelledColumn(first.file, images)) ?? []
  const names =
    options.labelColumns !== undefined && options.labelColumns.length > 1 ? undefined : namesOf(first, column)
  return {
    table: { name, columns: [images.column, ...(columns ?? [])], rows },
    classNames: names && { column, names },
    parts,
  }
}

const namesOf = (part: OpenPart | undefined, column: string): readonly string[] | undefined =>
  part && tableColumns(part.file).find(({ name }) => name === column)?.classNames

/**
 * The column that `datasets` marks as labels.
 * @throws VitrineError (config) for two
 */
function labelledColumn(file: ParquetFile, { column }: ImageColumn): readonly [string] | undefined {
  const marked = tableColumns(file).filter(({ name, classNames }) => classNames !== undefined && name !== column)
  const [first, ...others] = marked
  if (others.length > 0)
    throw new VitrineError(
      "config",
      `${file.source.name}: the labels could be in the columns ${marked.map(({ name }) => `"${name}"`).join(" and ")}: say which (labelColumns, --label-column)`,
    )
  return first && [first.name]
}

/** Where all images lie, if all files are plain, and the rows that have none. */
interface FileIndex {
  readonly index: { readonly offsets: Float64Array; readonly sizes: Float64Array } | undefined
  readonly missing: ReadonlySet<number>
}

async function byteIndex(files: readonly OpenPart[], { path, levels }: BytesColumn): Promise<FileIndex> {
  const total = files.reduce((sum, { file }) => sum + file.rows, 0)
  const shared = (): Float64Array => new Float64Array(new SharedArrayBuffer(8 * total))
  // Of files on servers only what is used is read.
  const isLocal = !files.some(isRemote)
  const all = isLocal && files.every(({ file }) => file.groups.every(({ columns }) => isPlainColumn(columns.get(path))))
  const [offsets, sizes] = all ? [shared(), shared()] : [new Float64Array(), new Float64Array()]
  const missing = new Set<number>()
  let isIndexed = all
  let start = 0
  for (const { file } of files) {
    const part = { offsets: offsets.subarray(start), sizes: sizes.subarray(start) }
    for (const group of file.groups) {
      const column = group.columns.get(path)
      if (column === undefined) continue
      if (isIndexed) isIndexed = await indexGroup(file, group, column, levels, part)
      if (!isIndexed && isLocal && column.nulls !== 0)
        for (const portion of await columnPortions(file, group, column, portionBytes.disk, true))
          for (const [row, image] of (await portionImages(file, column, portion)).entries())
            if (image === null) missing.add(start + portion.firstRow + row)
    }
    start += file.rows
  }
  if (isIndexed) for (const [row, size] of sizes.entries()) if (size === 0) missing.add(row)
  return { index: isIndexed ? { offsets, sizes } : undefined, missing }
}

const isRemote = ({ path }: Pick<OpenPart, "path">): boolean => isAddress(path)

const isPlainColumn = (column: Parameters<typeof isPlain>[0] | undefined): boolean =>
  column !== undefined && isPlain(column)

/** How images are read and in which order, with a note for the user. */
async function contentOf(
  files: readonly OpenPart[],
  { path }: BytesColumn,
  { index }: FileIndex,
  title: string,
  { order }: ParquetOptions,
): Promise<Pick<ParquetSource, "index" | "pages"> & { readonly order: Order; readonly note: string }> {
  const columns = files.flatMap(({ file }) => file.groups.flatMap(({ columns }) => columns.get(path) ?? []))
  const total = columns.reduce((sum, { unpacked }) => sum + unpacked, 0)
  const rows = files.reduce((sum, { file }) => sum + file.rows, 0)
  const remote = files.some(isRemote)
  const largest = columns.reduce((most, { unpacked }) => Math.max(most, unpacked), 0)
  const bytesOfRow = Math.max(1, total / Math.max(1, rows))
  const usual = windowOf(bytesOfRow, largest, await portionRows(files, path, bytesOfRow, largest))
  const windowed = typeof order === "object" ? order : usual
  if (index !== undefined)
    return order === undefined || order === "exact"
      ? { index, order: "exact", note: "order: exact, each image by its place in the file" }
      : { index, order: windowed, note: `order: ${orderText(windowed)}` }
  if (order === "exact") {
    if (total > mostPackedBytes)
      throw new VitrineError(
        "config",
        `${title}: holds ${total} bytes of compressed images; in exact order up to ${mostPackedBytes} are kept in memory: leave out --order exact, or write the images without compression`,
      )
    return { ...(await inMemory(files, path, rows)), order: "exact", note: "order: exact, with all images in memory" }
  }
  const [{ codec } = { codec: "" }] = columns
  const packed = codec === "UNCOMPRESSED" ? "in a dictionary" : `compressed (${codec.toLowerCase()})`
  const kind = remote ? "on a server" : packed
  return {
    order: windowed,
    note: `order: ${orderText(windowed)}, since the images are ${kind}: ${windowed.blocks} blocks of ${windowed.rows} rows at a time are mixed`,
  }
}

const [leastWindow, mostWindow] = [2 ** 24, 2 ** 25]

/** A window of the bytes of half a row group, within bounds, in blocks of a portion. */
function windowOf(bytesOfRow: number, group: number, rows: number): WindowedOrder {
  const window = Math.min(mostWindow, Math.max(leastWindow, group / 2))
  return { rows, blocks: Math.max(2, Math.round(window / (rows * bytesOfRow))) }
}

/** The most rows of a portion, by the first row group of each file. */
async function portionRows(
  files: readonly OpenPart[],
  path: string,
  bytesOfRow: number,
  largest: number,
): Promise<number> {
  if (files.some(isRemote)) {
    const isDivided = files.every(({ file }) =>
      file.groups.every(({ columns }) => columns.get(path)?.index !== undefined),
    )
    return Math.max(1, Math.round((isDivided ? portionBytes.server : largest) / bytesOfRow))
  }
  let most = 1
  for (const { file } of files) {
    const [group] = file.groups
    const column = group?.columns.get(path)
    if (group === undefined || column === undefined) continue
    for (const { rows } of await columnPortions(file, group, column, portionBytes.disk, true))
      most = Math.max(most, rows)
  }
  return most
}

/** Reads all images into memory that threads share. */
async function inMemory(
  files: readonly OpenPart[],
  path: string,
  rows: number,
): Promise<Required<Pick<ParquetSource, "index" | "pages">>> {
  const remote = files.some(isRemote)
  const pages: Uint8Array[] = []
  const memory = pagedMemory(pages)
  const index = {
    offsets: new Float64Array(new SharedArrayBuffer(8 * rows)),
    sizes: new Float64Array(new SharedArrayBuffer(8 * rows)),
  }
  let row = 0
  for (const { file } of files)
    for (const group of file.groups) {
      const column = group.columns.get(path)
      if (column === undefined) continue
      for (const portion of await columnPortions(file, group, column, portionBytes.disk, !remote))
        for (const image of await portionImages(file, column, portion)) {
          index.offsets[row] = memory.length()
          index.sizes[row++] = image?.length ?? 0
          if (image !== null) memory.append(image)
        }
    }
  return { index, pages }
}

/** The Parquet files of a folder that are not hidden, in order. */
export function parquetNames(names: readonly string[]): string[] {
  return names.filter((name) => isParquetPath(name) && !isHiddenPath(name)).sort(byCodePoint)
}

export const isParquetPath = (path: string): boolean => /\.parquet$/i.test(path)
