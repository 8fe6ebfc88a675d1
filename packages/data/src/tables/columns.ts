import { VitrineError } from "@vitrine/core"
import { splitOf } from "../splits.ts"
import { type Cell, isMetadataPath, type Table } from "./table.ts"

/** The columns that a user names. */
export interface ColumnOptions {
  /** The column with the paths of images, or with names without extension. */
  readonly fileColumn?: string | undefined
  /** The column with the labels, or several columns of 0 and 1. */
  readonly labelColumns?: readonly string[] | undefined
}

/** The indices of a table's columns. */
export interface Columns {
  readonly file: number
  /** One column of labels, or several columns of 0 and 1, whose names are the classes. */
  readonly labels: readonly [number, ...number[]]
  readonly split: number | undefined
}

const fileNames = new Set(
  "file_name filename file image img path filepath file_path image_path img_path image_name img_name image_file image_filename fname".split(
    " ",
  ),
)
const idNames = new Set(["id", "image_id", "img_id", "uuid", "name"])
const labelNames = new Set(
  "label labels class classes category categories target targets tag tags class_name label_name category_name class_id label_id category_id species breed diagnosis".split(
    " ",
  ),
)
const splitColumns = new Set(["split", "subset", "partition", "set", "usage"])

/** A column's name in lower case, with "_" in place of spaces and hyphens. */
const plain = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, "_")

/**
 * Finds the columns of a table by their usual names.
 * @throws VitrineError (config) if there is none, or if there are two candidates
 */
export function columnsOf(table: Table, options: ColumnOptions): Columns {
  const file = fileColumn(table, options)
  const split = splitColumn(table)
  return { file, split, labels: labelColumns(table, options, [file, split]) }
}

/** The columns of a table whose labels do not matter: its first column, and the one of splits. */
export function unlabelledColumns(table: Table): Columns {
  return { file: 0, labels: [0], split: splitColumn(table) }
}

/** Whether the name of one of a table's columns means labels. */
export function hasLabelColumn({ columns }: Table): boolean {
  return columns.some((name) => labelNames.has(plain(name)))
}

function fileColumn({ name, columns }: Table, { fileColumn }: ColumnOptions): number {
  if (fileColumn !== undefined) return place(name, columns, fileColumn, "--file-column")
  for (const names of [...(isMetadataPath(name) ? [new Set(["file_name"])] : []), fileNames, idNames]) {
    const candidates = columns.flatMap((column, i) => (names.has(plain(column)) ? [i] : []))
    const [first] = candidates
    if (first === undefined) continue
    if (candidates.length > 1) throw ambiguous(name, columns, candidates, "images", "fileColumn, --file-column")
    return first
  }
  throw new VitrineError(
    "config",
    `${name}: no column is called file, image, path or id; its columns are ${listed(columns)}: name the one with the images (fileColumn, --file-column)`,
  )
}

function labelColumns(
  table: Table,
  { labelColumns: names }: ColumnOptions,
  taken: readonly (number | undefined)[],
): Columns["labels"] {
  const { name, columns } = table
  const [first, ...others] = (names ?? []).map((column) => place(name, columns, column, "--label-column"))
  if (first !== undefined) {
    const stranger = [first, ...others].find((column) => others.length > 0 && !isBinary(table, column))
    if (stranger !== undefined)
      throw new VitrineError(
        "config",
        `${name}: of several label columns each holds 0 and 1 alone, but not "${columns[stranger]}"`,
      )
    return [first, ...others]
  }
  const free = columns.flatMap((_, i) => (taken.includes(i) ? [] : [i]))
  const candidates = free.filter((i) => labelNames.has(plain(columns[i] ?? "")))
  if (candidates.length > 1) throw ambiguous(name, columns, candidates, "labels", "labelColumns, --label-column")
  const binary = free.filter((i) => isBinary(table, i))
  const [label = free.length === 1 ? free[0] : undefined] = candidates
  if (label !== undefined && !(candidates.length === 0 && binary.length === 1)) return [label]
  const [one, ...more] = binary
  if (one !== undefined && binary.length > 1 && binary.length === free.length) return [one, ...more]
  throw new VitrineError(
    "config",
    `${name}: no column is called label or class; its columns are ${listed(columns)}: name the one with the labels, or several with 0 and 1 (labelColumns, --label-column)`,
  )
}

/** Whether a column's name is that of a column of splits. */
export function hasSplitName(column: string): boolean {
  return splitColumns.has(plain(column)) || splitOfYes(column) !== undefined
}

/** A column whose values are all names of splits, or one such as `is_valid`, whose values are yes and no. */
function splitColumn(table: Table): number | undefined {
  const { columns, rows } = table
  const column = columns.findIndex(
    (name, i) =>
      hasSplitName(name) &&
      (splitOfYes(name) === undefined
        ? rows.every((row) => isEmpty(row[i]) || splitOf(cellText(row[i])) !== undefined)
        : isBinary(table, i)),
  )
  return column < 0 ? undefined : column
}

/** The split that yes means in a column such as `is_valid`. */
function splitOfYes(column: string): string | undefined {
  const [, name = ""] = /^is_(.+)$/.exec(plain(column)) ?? []
  return splitOf(name) === undefined ? undefined : name
}

/** The name of the split in a row, or undefined if the row says none. */
export function splitNameInRow({ columns }: Table, { split }: Columns, row: readonly Cell[]): string | undefined {
  if (split === undefined) return undefined
  const yes = splitOfYes(columns[split] ?? "")
  const cell = row[split]
  const no = yes !== undefined && splitOf(yes) === "train" ? "test" : "train"
  const name = yes === undefined ? cellText(cell ?? "") : numberOf(cell) === 1 ? yes : no
  return splitOf(name) === undefined ? undefined : name
}

/** A column of 0 and 1, in which a cell may be empty, or of −1 and 1 (CelebA). */
function isBinary({ rows }: Table, column: number): boolean {
  const numbers = rows.map((row) => (isEmpty(row[column]) ? undefined : numberOf(row[column])))
  return (
    numbers.every((each) => each === undefined || each === 0 || each === 1) ||
    numbers.every((each) => each === -1 || each === 1)
  )
}

/** Whether a cell has no value. */
export function isEmpty(cell: Cell): boolean {
  return cell === undefined || cell === null || cell === ""
}

/** The text of a cell; JSON for an object, whose own `toString` may be anything. */
export function cellText(cell: Cell): string {
  if (Array.isArray(cell)) return cell.map(cellText).join()
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell)
}

/** The number in a cell, or NaN for other values. */
export function numberOf(cell: Cell): number {
  if (typeof cell === "boolean") return cell ? 1 : 0
  if (typeof cell === "number") return cell
  if (typeof cell === "string" && /^(true|false)$/i.test(cell)) return cell.toLowerCase() === "true" ? 1 : 0
  return typeof cell === "string" && /^-?\d+(\.\d+)?$/.test(cell) ? Number(cell) : Number.NaN
}

function place(table: string, columns: readonly string[], name: string, flag: string): number {
  const column = columns.indexOf(name)
  if (column < 0)
    throw new VitrineError("config", `${table}: has no column "${name}" (${flag}); its columns are ${listed(columns)}`)
  return column
}

function ambiguous(
  table: string,
  columns: readonly string[],
  candidates: readonly number[],
  what: string,
  option: string,
): VitrineError {
  const names = candidates.map((i) => `"${columns[i]}"`).join(" and ")
  return new VitrineError("config", `${table}: the ${what} could be in the columns ${names}: say which (${option})`)
}

const listed = (columns: readonly string[]): string =>
  `${columns.slice(0, 20).join(", ")}${columns.length > 20 ? ", …" : ""}`
