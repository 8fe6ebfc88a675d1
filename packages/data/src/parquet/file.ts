import type { ByteSource } from "@vitrine/archive"
import { VitrineError } from "@vitrine/core"
import type { ColumnMetaData, FileMetaData, SchemaTree } from "hyparquet"
import { parquetMetadata, parquetSchema } from "hyparquet"
import { BrokenImageError } from "../broken.ts"
import { messageOf } from "../message.ts"
import { parquetLimits } from "./limits.ts"
import { checkThrift } from "./thrift.ts"

/** An open Parquet file whose footer was read. */
export interface ParquetFile {
  readonly source: ByteSource
  readonly rows: number
  readonly groups: readonly ParquetGroup[]
  readonly schema: SchemaTree
  /** The features of Hugging Face's `datasets` by the names of their columns. Empty for files of other writers. */
  readonly features: Readonly<Record<string, unknown>>
}

/** A row group. */
export interface ParquetGroup {
  readonly firstRow: number
  readonly rows: number
  /** The columns by their paths, whose parts are separated by ".". */
  readonly columns: ReadonlyMap<string, ParquetColumn>
}

/** The values of a column in a row group. */
export interface ParquetColumn {
  readonly path: string
  readonly codec: ColumnMetaData["codec"]
  readonly metadata: ColumnMetaData
  /** The place of its pages in the file. */
  readonly begin: number
  readonly end: number
  /** The number of bytes of its pages after they are decompressed. */
  readonly unpacked: number
  /** The number of values that are missing, or undefined if the file does not say it. */
  readonly nulls: number | undefined
  /** The place of its offset index, if there is one. */
  readonly index: { readonly begin: number; readonly end: number } | undefined
}

const magic = "PAR1"
const tail = 8

/**
 * Reads the footer of a Parquet file, and checks that all it says fits the file.
 * @throws VitrineError (file)
 */
export async function openParquetFile(source: ByteSource): Promise<ParquetFile> {
  const { name, size } = source
  const fail = (fault: string): never => {
    throw new VitrineError("file", `${name}: ${fault}`)
  }
  if (size < 12) fail(size === 0 ? "is empty" : "is no Parquet file")
  const guess = await source.read(Math.max(0, size - parquetLimits.firstRead), size)
  const [length, mark] = [numberAt(guess, guess.length - tail), textAt(guess, guess.length - 4)]
  if (mark === "PARE") fail("is encrypted, which is not read")
  if (mark !== magic) fail("is no whole Parquet file: it does not end with PAR1")
  if (length + tail + 4 > size) fail(`is broken: its footer of ${length} bytes is longer than the file`)
  if (length > parquetLimits.footerBytes)
    fail(`has a footer of ${length} bytes; up to ${parquetLimits.footerBytes} are read`)
  const footer = length + tail <= guess.length ? guess : await source.read(size - length - tail, size)
  return guarded(name, () => {
    checkThrift(footer.subarray(footer.length - tail - length))
    const metadata = parquetMetadata(Uint8Array.from(footer), { geoparquet: false })
    const schema = parquetSchema(metadata)
    const groups = groupsOf(metadata, source)
    return {
      source,
      rows: groups.reduce((sum, { rows }) => sum + rows, 0),
      groups,
      schema,
      features: featuresOf(metadata),
    }
  })
}

function groupsOf({ row_groups, num_rows }: FileMetaData, { name, size }: ByteSource): ParquetGroup[] {
  const rows = whole(num_rows, "number of rows")
  // Each image takes at least a byte.
  if (rows > Math.min(size, parquetLimits.rows))
    throw new VitrineError(
      "file",
      `${name}: says that it has ${rows} rows, more than its ${size} bytes hold or the ${parquetLimits.rows} that are read of a file`,
    )
  let firstRow = 0
  const groups = row_groups.map((group): ParquetGroup => {
    const count = whole(group.num_rows, "number of rows of a group")
    const columns = group.columns.map(({ meta_data, file_path, offset_index_offset, offset_index_length }) => {
      if (meta_data === undefined || file_path !== undefined)
        throw new VitrineError("file", `${name}: has columns that are encrypted or in other files, which are not read`)
      const column = columnOf(meta_data, size)
      const index = offset_index_offset && offset_index_length
      const begin = index ? whole(offset_index_offset, "offset of an index") : 0
      const isIndex = index && index > 0 && index <= parquetLimits.footerBytes && begin + index <= size
      return { ...column, index: isIndex ? { begin, end: begin + index } : undefined }
    })
    const result = { firstRow, rows: count, columns: new Map(columns.map((column) => [column.path, column])) }
    firstRow += count
    return result
  })
  if (firstRow !== rows) throw new Error(`its row groups have ${firstRow} rows, not ${rows}`)
  return groups
}

function columnOf(metadata: ColumnMetaData, size: number): Omit<ParquetColumn, "index"> {
  const { codec, path_in_schema, data_page_offset, dictionary_page_offset, statistics } = metadata
  const data = whole(data_page_offset, "offset of a page")
  const dictionary = dictionary_page_offset ? whole(dictionary_page_offset, "offset of a page") : 0
  const begin = dictionary > 0 ? Math.min(dictionary, data) : data
  const end = begin + whole(metadata.total_compressed_size, "size of a column")
  if (begin < 4 || end > size) throw new Error(`the column ${path_in_schema.join(".")} lies outside of the file`)
  if (codec === undefined) throw new Error(`the column ${path_in_schema.join(".")} has an unknown compression`)
  const nulls = statistics?.null_count
  return {
    path: path_in_schema.join("."),
    codec,
    metadata,
    begin,
    end,
    unpacked: whole(metadata.total_uncompressed_size, "size of a column"),
    nulls: nulls === undefined ? undefined : Number(nulls),
  }
}

/** A number of the footer. */
function whole(value: bigint | number | undefined, what: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`an impossible ${what}`)
  return number
}

/** The features that `datasets` writes below the key `huggingface`. */
function featuresOf({ key_value_metadata = [] }: FileMetaData): Readonly<Record<string, unknown>> {
  const text = key_value_metadata.find(({ key }) => key === "huggingface")?.value
  if (text === undefined) return {}
  try {
    const { info }: { readonly info?: unknown } = Object(JSON.parse(text))
    const { features }: { readonly features?: unknown } = Object(info)
    return { ...Object(features) }
  } catch {
    return {}
  }
}

/** The error of a file whose bytes are wrong. Its images count as broken. */
export const brokenParquet = (name: string, fault: string, cause?: unknown): BrokenImageError =>
  new BrokenImageError(`${name}: is a broken Parquet file (${fault})`, { cause })

/** Runs a reader of hyparquet, whose errors are of many kinds and name no file. */
export function guarded<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    const [fault = ""] = messageOf(error)
      .replace(/^parquet /, "")
      .split("\n")
    throw brokenParquet(name, fault, error)
  }
}

const numberAt = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true)

const textAt = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4))
