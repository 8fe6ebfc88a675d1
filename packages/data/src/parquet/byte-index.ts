import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js"
import { mapConcurrently } from "../concurrent.ts"
import { brokenParquet, guarded, type ParquetColumn, type ParquetFile, type ParquetGroup } from "./file.ts"
import { columnPages, type Page } from "./pages.ts"
import { bitWidth, checkRuns } from "./runs.ts"

/** Where each value of a column lies in its file. A missing value has the size 0. */
export interface ByteIndex {
  readonly offsets: Float64Array
  readonly sizes: Float64Array
}

/** Pages up to this size are read whole, if their values are small. */
const wholePage = 2 ** 23
const smallValue = 2 ** 15
/** Pages that are read at a time. */
const atOnce = 16

/** Whether the values of a column lie in the file as they are: not compressed, and in no dictionary. */
export function isPlain({ codec, metadata: { encodings, encoding_stats = [] } }: ParquetColumn): boolean {
  const ofPages = encoding_stats.length > 0 ? encoding_stats.map(({ encoding }) => encoding) : encodings
  return codec === "UNCOMPRESSED" && ofPages.every((encoding) => encoding === "PLAIN" || encoding === "RLE")
}

/**
 * Fills the rows of a row group in an index, or returns false for a column that is not plain.
 * @param levels the definition level of a value that is there
 * @throws VitrineError (file)
 */
export async function indexGroup(
  file: ParquetFile,
  group: ParquetGroup,
  column: ParquetColumn,
  levels: number,
  index: ByteIndex,
): Promise<boolean> {
  const pages = await columnPages(file, group, column)
  if (pages.some(({ isDictionary, encoding }) => isDictionary || encoding !== "PLAIN")) return false
  let row = group.firstRow
  const places = pages.map((page) => {
    row += page.values
    return { page, row: row - page.values }
  })
  const isSmall = column.unpacked / Math.max(1, group.rows) <= smallValue
  await mapConcurrently(places, atOnce, ({ page, row }) => indexPage(file, column, page, row, levels, isSmall, index))
  return true
}

async function indexPage(
  { source }: ParquetFile,
  { path, nulls }: ParquetColumn,
  page: Page,
  firstRow: number,
  levels: number,
  isSmall: boolean,
  { offsets, sizes }: ByteIndex,
): Promise<void> {
  const { dataBegin, end, values } = page
  const fail = (): never => {
    throw brokenParquet(source.name, `a value of ${path} goes beyond its page`)
  }
  const bytes = isSmall && end - dataBegin <= wholePage ? await source.read(dataBegin, end) : undefined
  const read = async (from: number, length: number): Promise<Uint8Array> => {
    if (from + length > end) fail()
    return bytes?.subarray(from - dataBegin, from - dataBegin + length) ?? source.read(from, from + length)
  }
  let at = dataBegin
  let present: readonly number[] | undefined
  if (levels > 0) {
    const prefix = page.levels === undefined ? 4 : 0
    const length = page.levels ?? uint32(await read(at, 4))
    if (nulls !== 0) {
      const encoded = Uint8Array.from(await read(at + prefix, length))
      present = guarded(source.name, () => levelsOf(encoded, levels, values))
    }
    at += prefix + length
  }
  for (let i = 0; i < values; i++) {
    if (present !== undefined && present[i] !== levels) continue
    const size = uint32(await read(at, 4))
    if (at + 4 + size > end) fail()
    offsets[firstRow + i] = at + 4
    sizes[firstRow + i] = size
    at += 4 + size
  }
  if (at !== end) fail()
}

function levelsOf(bytes: Uint8Array, highest: number, count: number): readonly number[] {
  const levels = new Array<number>(count)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  checkRuns(view, 0, bitWidth(highest), count)
  readRleBitPackedHybrid({ view, offset: 0 }, bitWidth(highest), levels, bytes.length)
  return levels
}

const uint32 = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
