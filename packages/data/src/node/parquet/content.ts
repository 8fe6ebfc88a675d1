import { VitrineError } from "@vitrine/core"
import type { ParquetSource } from "../../dataset.ts"
import { type Order, orderText } from "../../order.ts"
import { indexGroup, isPlain } from "../../parquet/byte-index.ts"
import { columnPortions } from "../../parquet/pages.ts"
import { portionImages } from "../../parquet/values.ts"
import { mostPackedBytes, pagedMemory } from "../archive.ts"
import type { ParquetOptions } from "./options.ts"
import { type BytesColumn, isRemote, type OpenPart } from "../../parquet/part.ts"
import { portionBytes, windowOf } from "./window.ts"

/** Where all images lie, if all files are plain, and the rows that have none. */
export interface FileIndex {
  readonly index: { readonly offsets: Float64Array; readonly sizes: Float64Array } | undefined
  readonly missing: ReadonlySet<number>
}

export async function byteIndex(files: readonly OpenPart[], { path, levels }: BytesColumn): Promise<FileIndex> {
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

const isPlainColumn = (column: Parameters<typeof isPlain>[0] | undefined): boolean =>
  column !== undefined && isPlain(column)

/** How images are read and in which order, with a note for the user. */
export async function contentOf(
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
