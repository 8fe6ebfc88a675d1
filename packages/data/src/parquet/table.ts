import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import { mapConcurrently } from "../concurrent.ts"
import type { ParquetPart } from "../dataset.ts"
import { type ImageColumn, type TableColumn, tableColumns } from "./columns.ts"
import type { ParquetFile } from "./file.ts"
import { columnValues } from "./values.ts"
import { cellText, type ColumnOptions, hasSplitName, isEmpty } from "../tables/columns.ts"
import { type Cell, mostTableBytes, type Table } from "../tables/table.ts"
import { type BytesColumn, type OpenPart, partsAtOnce } from "./part.ts"

/** Reads the columns of a file that can be labels, splits or paths. Numbers of a ClassLabel become its names. */
export async function tableOf(
  file: ParquetFile,
  name: string,
  images: Pick<TableColumn, "name" | "path"> | undefined,
  { labelColumns }: ColumnOptions,
): Promise<Table> {
  const all = tableColumns(file).filter((column) => column.name !== images?.name)
  const classLabel = labelColumns === undefined ? all.filter(({ classNames }) => classNames !== undefined) : []
  const isNeeded = ({ name, classNames }: TableColumn): boolean =>
    labelColumns?.includes(name) ?? (classLabel.length === 0 || classNames !== undefined)
  const columns = [
    ...(images ? [{ ...images, classNames: undefined }] : []),
    ...all.filter((column) => isNeeded(column) || hasSplitName(column.name)),
  ]
  const bytes = columns.map(({ path }) =>
    file.groups.reduce((sum, group) => sum + (group.columns.get(path)?.unpacked ?? 0), 0),
  )
  const values: Cell[][] = []
  const read: TableColumn[] = []
  for (const [i, column] of columns.entries()) {
    const isLong = at(bytes, i) > mostTableBytes
    // A long text is no label. A column that was named is read, or refused.
    if (isLong && column.name !== images?.name && labelColumns?.includes(column.name) !== true) continue
    if (isLong)
      throw new VitrineError(
        "file",
        `${file.source.name}: its column ${column.name} has ${at(bytes, i)} bytes; up to ${mostTableBytes} are read`,
      )
    const cells = await mapConcurrently(file.groups, partsAtOnce, async (group) => {
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

/** The last part of a path. */
const fileName = (path: string): string => path.replace(/^.*[/\\]/, "")

/** A file and its split. */
export interface PlacedPart extends ParquetPart {
  readonly split: string | undefined
}

/** The tables of all files one after another, with an empty column in the place of the images. */
export async function wholeTable(
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
    const table = await tableOf(file, fileName(file.source.name), undefined, {
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
