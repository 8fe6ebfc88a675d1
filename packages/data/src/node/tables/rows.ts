import { basename, dirname, join, normalize } from "node:path/posix"
import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import { fileKind, isHiddenPath, isImagePath } from "../../formats.ts"
import { type Split, splitOf } from "../../splits.ts"
import type { FileTree } from "../tree.ts"
import { cellText, type ColumnOptions, type Columns, columnsOf, isEmpty, splitNameInRow } from "../../tables/columns.ts"
import { type Cell, mostTableBytes, type Table } from "../../tables/table.ts"
import { parseTable } from "./parse.ts"

/** A row whose image exists. */
export interface ImageRow {
  /** The index of the row in the table. */
  readonly row: number
  /** The name of the row's image in the tree. */
  readonly file: string
  readonly split: Split | undefined
  /** The name of the split. */
  readonly splitName: string | undefined
}

/** The rows of one table, or of one table for each split. */
export interface TableRows {
  readonly table: Table
  readonly columns: Columns
  readonly rows: readonly ImageRow[]
  /** Rows that are passed over: a kind and an example of each. */
  readonly others: readonly (readonly [kind: string, example: string])[]
}

/** Reads a table of a tree by its name. */
export type TableReader = (name: string) => Promise<Table>

/**
 * Reads tables, and finds the images of their rows. A path is relative to its table's folder. A name may lack its
 * extension or folder.
 * @param names the tables; all have the columns of the first
 * @throws VitrineError (file, config) for paths that lead out of the tree, names that several images have, and unclear
 *   columns
 */
export async function tableRows(
  tree: FileTree,
  names: readonly string[],
  options: ColumnOptions,
  readTable: TableReader = async (name) => parseTable(await tree.read(name, mostTableBytes), name),
): Promise<TableRows> {
  const tables: (readonly [name: string, table: Table])[] = []
  for (const name of names) tables.push([name, await readTable(name)])
  const [first] = tables
  if (first === undefined) throw new Error("there is no table to read")
  const [, table] = first
  const columns = columnsOf(table, options)
  const find = imageFinder(tree.names)
  const cells: (readonly Cell[])[] = []
  const rows: ImageRow[] = []
  const others: (readonly [string, string])[] = []
  for (const [name, each] of tables) {
    const places = table.columns.map((column) => each.columns.indexOf(column))
    const folder = dirname(name) === "." ? "" : dirname(name)
    const ownSplit = splitNameIn(name) ?? splitNameOf(basename(name).replace(/\.\w+$/, ""))
    for (const source of each.rows) {
      const row = cells.push(places.map((place) => source[place])) - 1
      const cell = at(cells, row)[columns.file]
      if (isEmpty(cell)) {
        others.push([`rows of ${name} without an image`, `row ${row + 1}`])
        continue
      }
      const path = pathIn(tree.path, folder, cellText(cell), name)
      const nameInRow = splitNameInRow(table, columns, at(cells, row))
      const splitName = nameInRow ?? ownSplit ?? splitNameIn(path)
      const split = splitName === undefined ? undefined : splitOf(splitName)
      const files = find(path, folder === "" ? path : path.slice(folder.length + 1), split)
      const [file] = files
      if (file === undefined) others.push([`rows of ${name} whose image is not there`, cellText(cell)])
      else if (files.length > 1)
        throw new VitrineError(
          "file",
          `${name}: "${cellText(cell)}" could be ${files.slice(0, 2).join(" or ")}: give its path`,
        )
      else if (!isImagePath(file)) others.push([fileKind(file), file])
      else rows.push({ row, file, split, splitName })
    }
  }
  return { table: { ...table, rows: cells }, columns, rows, others }
}

const splitNameOf = (name: string): string | undefined => (splitOf(name) === undefined ? undefined : name)

/** The folder of a path whose name is that of a split. */
const splitNameIn = (path: string): string | undefined =>
  path
    .split("/")
    .slice(0, -1)
    .find((folder) => splitOf(folder) !== undefined)

/**
 * The path in the tree that a row names.
 * @throws VitrineError (file) for a path that leads out of the tree
 */
function pathIn(root: string, folder: string, text: string, table: string): string {
  const plain = text.trim().replaceAll("\\", "/")
  const inside = plain.startsWith(`${root}/`) ? plain.slice(root.length + 1) : undefined
  const path = inside ?? normalize(join(folder, plain))
  if (
    (inside === undefined && (plain.startsWith("/") || /^[a-z]:\//i.test(plain))) ||
    path === ".." ||
    path.startsWith("../")
  )
    throw new VitrineError("file", `${table}: the path ${JSON.stringify(text)} leads out of the folder`)
  return path
}

/** Finds images by their path, by the end of their path, or without their extension. */
function imageFinder(
  names: Iterable<string>,
): (path: string, ending: string, split: Split | undefined) => readonly string[] {
  const all = new Set(names)
  let byStem: Map<string, string[]> | undefined
  return (path, ending, split) => {
    if (all.has(path)) return [path]
    byStem ??= stems(names)
    const matches = [ending, withoutExtension(ending)].flatMap((text) =>
      (byStem?.get(basename(text)) ?? []).filter((name) => {
        const [stem, whole] = [`/${withoutExtension(name)}`, `/${name}`]
        return whole.endsWith(`/${ending}`) || stem.endsWith(`/${ending}`)
      }),
    )
    const distinct = [...new Set(matches)]
    const ofSplit = distinct.filter((name) => splitOf(splitNameIn(name) ?? "") === split)
    return ofSplit.length > 0 ? ofSplit : distinct
  }
}

const withoutExtension = (path: string): string => path.replace(/\.[^./]+$/, "")

function stems(names: Iterable<string>): Map<string, string[]> {
  const map = new Map<string, string[]>()
  for (const name of names) {
    if (isHiddenPath(name) || name.endsWith("/")) continue
    const stem = basename(withoutExtension(name))
    const list = map.get(stem)
    if (list === undefined) map.set(stem, [name])
    else list.push(name)
  }
  return map
}
