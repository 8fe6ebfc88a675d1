import { VitrineError } from "@vitrine/core"
import type { DecodedArray, SchemaTree } from "hyparquet"
import { readColumn } from "hyparquet/src/column.js"
import { DEFAULT_PARSERS } from "hyparquet/src/convert.js"
import { concatenated } from "../concatenated.ts"
import { unpackOf } from "./codecs.ts"
import { brokenParquet, guarded, type ParquetColumn, type ParquetFile, type ParquetGroup } from "./file.ts"
import { type Page, pagesIn, type Portion, type Read } from "./pages.ts"
import { checkLevels, checkValues } from "./runs.ts"

/** A value of a row: a number, a text, bytes, or null; of a list column a list of them. */
export type ParquetValue = unknown

/**
 * Reads the values of a column in a row group, one for each row. Integers of 64 bits become numbers.
 * @throws VitrineError (file)
 */
export function columnValues(file: ParquetFile, group: ParquetGroup, column: ParquetColumn): Promise<ParquetValue[]> {
  const { firstRow, rows } = group
  const { begin, end, metadata } = column
  const portion = { firstRow, rows, begin, end, dictionary: undefined }
  return portionValues(file, column, portion, Number(metadata.num_values), true)
}

/**
 * Reads the bytes of a column of images, one for each row of a portion, and null where there is none.
 * @throws VitrineError (file)
 */
export async function portionImages(
  file: ParquetFile,
  column: ParquetColumn,
  portion: Portion,
): Promise<(Uint8Array | null)[]> {
  const values = await portionValues(file, column, portion, portion.rows, false)
  return values.map((value) => (value instanceof Uint8Array ? value : null))
}

async function portionValues(
  { source, schema }: ParquetFile,
  column: ParquetColumn,
  { begin, end, dictionary, rows }: Portion,
  count: number,
  utf8: boolean,
): Promise<ParquetValue[]> {
  const { name } = source
  const { path, codec, metadata } = column
  const parts: Uint8Array[] = []
  /** The pages by the places of their values in all parts. */
  const pages = new Map<number, Page>()
  let start = 0
  const ranges = dictionary === undefined ? [] : [{ ...dictionary, rows: 0, values: undefined }]
  for (const range of [...ranges, { begin, end, rows, values: count }]) {
    const part = await source.read(range.begin, range.end)
    if (part.length !== range.end - range.begin) throw new VitrineError("file", `${name}: is truncated`)
    const read: Read = async (from, to) => part.subarray(from - range.begin, to - range.begin)
    const found = await pagesIn(read, name, column, range)
    for (const page of found) pages.set(start + page.dataBegin + (page.levels ?? 0) - range.begin, page)
    // Pages after the last that counts are not read.
    const length = (found.at(-1)?.end ?? range.begin) - range.begin
    parts.push(part.subarray(0, length))
    start += length
  }
  const bytes = concatenated(parts)
  const unpack = await unpackOf(codec)
  return guarded(name, () => {
    const schemaPath = schemaPathOf(schema, metadata.path_in_schema)
    for (const [at, page] of pages) {
      const { levels = 0, isPacked, unpacked } = page
      const end = at - levels + page.end - page.dataBegin
      if (levels > 0) checkLevels(bytes.subarray(at - levels, end), page, schemaPath)
      if (codec === "UNCOMPRESSED" || !isPacked || unpacked === levels)
        checkValues(bytes.subarray(at, end), page, schemaPath)
    }
    const codecOfPages = (input: Uint8Array, length: number): Uint8Array => {
      const page = pages.get(input.byteOffset)
      if (page === undefined || unpack === undefined) throw new Error(`pages of ${codec}`)
      const unpacked = unpack(input, length)
      if (unpacked.length === length) checkValues(unpacked, page, schemaPath)
      return unpacked
    }
    const { data } = readColumn(
      { view: new DataView(bytes.buffer), offset: 0 },
      { groupStart: 0, selectStart: 0, selectEnd: rows, groupRows: rows },
      {
        pathInSchema: metadata.path_in_schema,
        type: metadata.type,
        element: elementOf(schemaPath),
        schemaPath,
        codec,
        compressors: { [codec]: codecOfPages },
        parsers: DEFAULT_PARSERS,
        utf8,
      },
    )
    const isList = schemaPath.some(({ element }) => element.repetition_type === "REPEATED")
    const values = data.flatMap((chunk: DecodedArray) =>
      Array.from<unknown, ParquetValue>(chunk, isList ? listOf : single),
    )
    if (values.length !== rows) throw brokenParquet(name, `${path} has ${values.length} values for ${rows} rows`)
    return values
  })
}

/** hyparquet puts a value into a list for each optional level above it. */
function single(value: unknown): ParquetValue {
  let inner = value
  while (Array.isArray(inner)) inner = inner[0]
  return typeof inner === "bigint" ? Number(inner) : (inner ?? null)
}

const listOf = (value: unknown): ParquetValue =>
  Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY).flatMap((each) => single(each) ?? []) : []

function schemaPathOf(schema: SchemaTree, path: readonly string[]): SchemaTree[] {
  const nodes = [schema]
  for (const part of path) {
    const child = nodes.at(-1)?.children.find(({ element }) => element.name === part)
    if (child === undefined) throw new Error(`its schema has no ${path.join(".")}`)
    nodes.push(child)
  }
  return nodes
}

function elementOf(path: readonly SchemaTree[]): SchemaTree["element"] {
  const last = path.at(-1)
  if (last === undefined) throw new Error("its schema is empty")
  return last.element
}
