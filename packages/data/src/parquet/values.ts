import { VitrineError } from "@vitrine/core"
import type { DecodedArray, SchemaTree } from "hyparquet"
import { readColumn } from "hyparquet/src/column.js"
import { DEFAULT_PARSERS } from "hyparquet/src/convert.js"
import { compressors } from "hyparquet-compressors"
import { concatenated } from "../concatenated.ts"
import { brokenParquet, guarded, type ParquetColumn, type ParquetFile, type ParquetGroup } from "./file.ts"
import { pagesIn, type Portion, type Read } from "./pages.ts"

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
  const ranges = dictionary === undefined ? [] : [{ ...dictionary, rows: 0, values: undefined }]
  for (const range of [...ranges, { begin, end, rows, values: count }]) {
    const part = await source.read(range.begin, range.end)
    if (part.length !== range.end - range.begin) throw new VitrineError("file", `${name}: is truncated`)
    parts.push(part)
    const read: Read = async (from, to) => part.subarray(from - range.begin, to - range.begin)
    await pagesIn(read, name, column, range)
  }
  const bytes = concatenated(parts)
  return guarded(name, () => {
    const schemaPath = schemaPathOf(schema, metadata.path_in_schema)
    const { data } = readColumn(
      { view: new DataView(bytes.buffer), offset: 0 },
      { groupStart: 0, selectStart: 0, selectEnd: rows, groupRows: rows },
      {
        pathInSchema: metadata.path_in_schema,
        type: metadata.type,
        element: elementOf(schemaPath),
        schemaPath,
        codec,
        compressors,
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
