import { readOffsetIndex } from "hyparquet"
import { parquetHeader } from "hyparquet/src/column.js"
import { brokenParquet, guarded, type ParquetColumn, type ParquetFile, type ParquetGroup } from "./file.ts"
import { parquetLimits } from "./limits.ts"
import { checkThrift } from "./thrift.ts"

/** A page of a column. */
export interface Page {
  /** The place of its header and its bytes in the file. */
  readonly begin: number
  readonly dataBegin: number
  readonly end: number
  readonly isDictionary: boolean
  /** The number of its values, with missing ones. */
  readonly values: number
  /** The number of its bytes after they are decompressed. */
  readonly unpacked: number
  readonly encoding: string
  /** The bytes of the levels before the values in a page of version 2. Undefined in version 1. */
  readonly levels: number | undefined
  /** The bytes of the first levels in a page of version 2. */
  readonly repetitionBytes: number
  /** The number of missing values that a page of version 2 says. */
  readonly nulls: number
  /** Whether the values are packed by the column's codec. */
  readonly isPacked: boolean
}

/** A part of a column: where its pages lie, and the number of their rows and values. */
export interface PageRange {
  readonly begin: number
  readonly end: number
  readonly rows: number
  /** Undefined for a dictionary, whose values belong to no row. */
  readonly values: number | undefined
}

/**
 * Finds the pages of a part of a column by their headers, and checks their sizes.
 * @param read reads bytes of the file
 * @throws VitrineError (file)
 */
export async function pagesIn(read: Read, name: string, column: ParquetColumn, range: PageRange): Promise<Page[]> {
  const { path } = column
  const { begin, end, rows, values: total = 0 } = range
  const fail = (fault: string): never => {
    throw brokenParquet(name, `the column ${path} ${fault}`)
  }
  const most = rows + parquetLimits.freeValues + parquetLimits.valuesPerByte * (end - begin)
  if (!(total >= 0 && total <= Math.min(rows * parquetLimits.valuesPerRow, most)))
    fail(`says that ${rows} rows have ${total} values`)
  const pages: Page[] = []
  let values = 0
  let at = begin
  while (at < end && (range.values === undefined || values < total)) {
    const page = await pageAt(path, at, end, read, name)
    const { unpacked, isDictionary } = page
    const packed = page.end - page.dataBegin
    if (page.end > end) fail("has a page that goes beyond its end")
    if (unpacked > parquetLimits.pageBytes)
      fail(`has a page of ${unpacked} bytes; up to ${parquetLimits.pageBytes} are read`)
    if (unpacked > parquetLimits.freeBytes + parquetLimits.growth * packed)
      fail(`has a page that unpacks to more than ${parquetLimits.growth} times its size`)
    if (column.codec === "UNCOMPRESSED" && unpacked !== packed) fail("has a page of two sizes")
    if (!(page.values >= 0) || page.values > (isDictionary ? Math.max(unpacked, 1) : total - values))
      fail(`has a page of ${page.values} values`)
    if (!isDictionary) values += page.values
    pages.push(page)
    at = page.end
  }
  if (values !== total) fail(`has ${values} values, not ${total}`)
  return pages
}

/** The pages of a column of a row group. */
export function columnPages({ source }: ParquetFile, { rows }: ParquetGroup, column: ParquetColumn): Promise<Page[]> {
  const { begin, end, metadata } = column
  const read: Read = (from, to) => source.read(from, to)
  return pagesIn(read, source.name, column, { begin, end, rows, values: Number(metadata.num_values) })
}

export type Read = (begin: number, end: number) => Promise<Uint8Array>

async function pageAt(path: string, begin: number, end: number, read: Read, name: string): Promise<Page> {
  for (let length = 2 ** 12; ; length *= 16) {
    const bytes = await read(begin, Math.min(end, begin + length))
    const isLast = begin + length >= end || length >= parquetLimits.headerBytes
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
    try {
      const header = parquetHeader(reader)
      const { type } = header
      // A header may hold those of other types, which do not count.
      const first = type === "DATA_PAGE" ? header.data_page_header : undefined
      const second = type === "DATA_PAGE_V2" ? header.data_page_header_v2 : undefined
      const facts = first ?? second ?? (type === "DICTIONARY_PAGE" ? header.dictionary_page_header : undefined)
      if (facts === undefined) throw new Error(`a page of ${path} has an unknown type`)
      const [repetition, definition] = [
        second?.repetition_levels_byte_length ?? 0,
        second?.definition_levels_byte_length ?? 0,
      ]
      const nulls = second?.num_nulls ?? 0
      const packed = header.compressed_page_size
      const sizes = [repetition, definition, nulls, packed, header.uncompressed_page_size]
      if (!(sizes.every((size) => size >= 0) && repetition + definition <= packed && nulls <= facts.num_values))
        throw new Error(`a page of ${path} has an impossible size`)
      const dataBegin = begin + reader.offset
      return {
        begin,
        dataBegin,
        end: dataBegin + packed,
        isDictionary: first === undefined && second === undefined,
        values: facts.num_values,
        unpacked: header.uncompressed_page_size,
        encoding: facts.encoding,
        levels: second && repetition + definition,
        repetitionBytes: repetition,
        nulls,
        isPacked: second?.is_compressed !== false,
      }
    } catch (error) {
      // The header may be longer than what was read.
      if (!isLast) continue
      return guarded(name, () => {
        throw error
      })
    }
  }
}

/** A run of rows of a row group that are read together. */
export interface Portion {
  /** The first row, counted in the file. */
  readonly firstRow: number
  readonly rows: number
  readonly begin: number
  readonly end: number
  /** The dictionary page that its values need. */
  readonly dictionary: { readonly begin: number; readonly end: number } | undefined
}

/**
 * Divides a column of a row group into portions of about `bytes` bytes, of whole pages.
 * @param cheap whether small reads are cheap, as on a disk: then pages are found by their headers. Otherwise they are
 *   found by the offset index, and without one the whole column is a portion.
 * @throws VitrineError (file)
 */
export async function columnPortions(
  file: ParquetFile,
  group: ParquetGroup,
  column: ParquetColumn,
  bytes: number,
  cheap: boolean,
): Promise<Portion[]> {
  const starts = cheap ? await startsByHeaders(file, group, column) : await startsByIndex(file, group, column)
  const whole = { firstRow: group.firstRow, rows: group.rows, begin: column.begin, end: column.end }
  const [first] = starts
  if (first === undefined) return [{ ...whole, dictionary: undefined }]
  const dictionary = first.begin > column.begin ? { begin: column.begin, end: first.begin } : undefined
  const portions: Portion[] = []
  const growth = growthOf(column)
  for (const [i, { row, begin }] of starts.entries()) {
    const next = starts[i + 1]
    const page = { rows: (next?.row ?? group.rows) - row, end: next?.begin ?? column.end }
    if (page.rows < 0 || page.end < begin) throw brokenParquet(file.source.name, "its pages are in no order")
    const last = portions.at(-1)
    if (last !== undefined && (page.end - last.begin) * growth <= bytes)
      portions[portions.length - 1] = { ...last, rows: last.rows + page.rows, end: page.end }
    else portions.push({ firstRow: group.firstRow + row, begin, dictionary, ...page })
  }
  return portions
}

/** The factor by which the bytes of a column grow when they are decompressed. */
export const growthOf = ({ unpacked, begin, end }: ParquetColumn): number => unpacked / Math.max(1, end - begin)

/** The first row of a data page, counted in its group, and the page's place. */
interface PageStart {
  readonly row: number
  readonly begin: number
}

async function startsByHeaders(file: ParquetFile, group: ParquetGroup, column: ParquetColumn): Promise<PageStart[]> {
  let row = 0
  return (await columnPages(file, group, column)).flatMap(({ isDictionary, begin, values }) => {
    if (isDictionary) return []
    row += values
    return [{ row: row - values, begin }]
  })
}

async function startsByIndex(
  { source }: ParquetFile,
  group: ParquetGroup,
  column: ParquetColumn,
): Promise<PageStart[]> {
  const { index } = column
  if (index === undefined) return []
  const bytes = Uint8Array.from(await source.read(index.begin, index.end))
  return guarded(source.name, () => {
    checkThrift(bytes)
    const { page_locations } = readOffsetIndex({ view: new DataView(bytes.buffer), offset: 0 })
    return page_locations.map(({ offset, first_row_index }) => {
      const start = { row: Number(first_row_index), begin: Number(offset) }
      if (!(start.begin >= column.begin && start.begin <= column.end && start.row >= 0 && start.row <= group.rows))
        throw new Error(`the index of ${column.path} lies outside of it`)
      return start
    })
  })
}
