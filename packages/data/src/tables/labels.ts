import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import { classesOfLabels, type NamedClasses } from "../classes.ts"
import { type LabelSets, labelSets, pickLabelSets } from "../label-sets.ts"
import { cellText, type Columns, isEmpty, numberOf } from "./columns.ts"
import type { Cell, Table } from "./table.ts"

/** The labels of some rows of a table. */
export interface RowLabels extends NamedClasses {
  /** The class of each row. It is -1 for a row without a label, and for all rows if rows may have several labels. */
  readonly labels: Int32Array
  readonly labelSets?: LabelSets
}

/**
 * Reads labels: a class for each row; or several, if cells contain lists, or several columns contain 0 and 1.
 * @param rows indices of rows
 * @throws VitrineError (file)
 */
export function rowLabels(table: Table, columns: Columns, rows: readonly number[]): RowLabels {
  const [first, ...others] = columns.labels
  const cells = rows.map((row) => at(table.rows, row))
  if (others.length > 0) return binaryLabels(table, columns.labels, cells)
  const column = cells.map((row) => row[first])
  const lists = listsOf(column, table.columns[first] ?? "")
  if (lists !== undefined) {
    const named = classesOfLabels(lists.flat(), table.name)
    return { ...named, ...several(lists, named.classes), notes: [...named.notes, ...noLabels(lists)] }
  }
  const texts = column.map(textOf)
  const named = classesOfLabels(
    texts.filter((text) => text !== ""),
    table.name,
  )
  const places = new Map(named.classes.map((name, i) => [name, i]))
  const spaced = plural.test(table.columns[first] ?? "") ? texts.find((text) => /\S\s+\S/.test(text)) : undefined
  const notes =
    spaced === undefined ? [] : [`a cell such as ${JSON.stringify(spaced)} is one label; | ; or , divide several`]
  return {
    ...named,
    labels: Int32Array.from(texts, (text) => places.get(text) ?? -1),
    notes: [...named.notes, ...notes],
  }
}

/** The classes and the labels of some rows, as a source has them. `place` is the index of a row in `labels`. */
export function sourceLabels(
  rows: readonly { readonly place: number }[],
  { classes, labels, labelSets }: RowLabels,
): Pick<RowLabels, "classes" | "labels" | "labelSets"> {
  const places = rows.map(({ place }) => place)
  return {
    classes,
    labels: Int32Array.from(places, (place) => at(labels, place)),
    ...(labelSets && { labelSets: pickLabelSets(labelSets, places) }),
  }
}

/** Rows of one class without a name. */
export const noClasses = (rows: number): RowLabels => ({ classes: [], labels: new Int32Array(rows), notes: [] })

/**
 * Reads labels whose classes are given in order: a class for each row, or several if cells are lists.
 * @param rows indices of rows
 */
export function classLabels(
  table: Table,
  columns: Columns,
  rows: readonly number[],
  classes: readonly string[],
): RowLabels {
  const [first] = columns.labels
  const cells = rows.map((row) => at(table.rows, row)[first])
  if (cells.some(Array.isArray)) {
    const lists = cells.map((cell) => (Array.isArray(cell) ? filled(cell.map(textOf)) : filled([textOf(cell)])))
    return { classes, ...several(lists, classes), notes: noLabels(lists) }
  }
  const places = new Map(classes.map((name, i) => [name, i]))
  return { classes, labels: Int32Array.from(cells, (cell) => places.get(cellText(cell)) ?? -1), notes: [] }
}

/** Columns are classes if each row has exactly one 1. */
function binaryLabels({ columns }: Table, places: readonly number[], cells: readonly (readonly Cell[])[]): RowLabels {
  const classes = places.map((place) => at(columns, place))
  const sets = cells.map((row) => places.flatMap((place, label) => (numberOf(row[place]) === 1 ? [label] : [])))
  if (sets.every(({ length }) => length === 1))
    return {
      classes,
      labels: Int32Array.from(sets.flat()),
      notes: ["each image has exactly one label: they are classes"],
    }
  return {
    classes,
    labels: new Int32Array(sets.length).fill(-1),
    labelSets: labelSets(sets),
    notes: [...noLabels(sets), ...emptyCells(places, cells)],
  }
}

function emptyCells(places: readonly number[], cells: readonly (readonly Cell[])[]): readonly string[] {
  const count = cells.reduce((sum, row) => sum + places.filter((place) => isEmpty(row[place])).length, 0)
  return count === 0 ? [] : [`${count} empty cells in the columns of labels are taken as 0`]
}

/** A note on images without labels, which are learned as images that show none of them. */
function noLabels(lists: readonly (readonly unknown[])[]): readonly string[] {
  const count = lists.filter(({ length }) => length === 0).length
  return count === 0 ? [] : [`${count} of ${lists.length} images have no label: they are taken to show none`]
}

function several(
  lists: readonly (readonly string[])[],
  classes: readonly string[],
): Pick<RowLabels, "labels" | "labelSets"> {
  const places = new Map(classes.map((name, i) => [name, i]))
  const sets = lists.map((list) => [...new Set(list)].flatMap((text) => places.get(text) ?? []))
  return { labels: new Int32Array(lists.length).fill(-1), labelSets: labelSets(sets) }
}

/** The text of a label. A whole number is written as one, even if the table has 3.0. */
function textOf(cell: Cell): string {
  if (isEmpty(cell)) return ""
  return cellText(cell)
    .trim()
    .replace(/^(\d+)\.0+$/, "$1")
}

const plural = /^(labels|tags|classes|categories|targets|annotations)$/i

/** The lists in the cells of a column, or undefined if it contains single labels. */
function listsOf(cells: readonly Cell[], column: string): readonly (readonly string[])[] | undefined {
  if (cells.some(Array.isArray))
    return cells.map((cell) => (Array.isArray(cell) ? cell.map(textOf) : filled([textOf(cell)])))
  const texts = cells.map(textOf)
  if (texts.some((text) => /^\[.*\]$/.test(text))) return texts.map(bracketed)
  const separators = plural.test(column) ? ["|", ";", ","] : ["|"]
  const separator = separators.find((each) => texts.some((text) => text.includes(each)))
  if (separator !== undefined) return texts.map((text) => filled(text.split(separator).map(textOf)))
  return undefined
}

const filled = (list: readonly string[]): string[] => list.filter((text) => text !== "")

/** Parses a list of JSON or Python in a cell. */
function bracketed(text: string): string[] {
  const inside = /^\[(.*)\]$/.exec(text)?.[1]
  if (inside === undefined) return filled([text])
  const items = inside.match(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,\s][^,]*/g) ?? []
  return filled(items.map((item) => textOf(item.trim().replace(/^(["'])(.*)\1$/, "$2"))))
}

/** @throws VitrineError (file) if a file has two labels */
export function refuseTwice(table: string, file: string, earlier: string, later: string): void {
  if (earlier !== later)
    throw new VitrineError("file", `${table}: ${file} stands in it twice, with the labels "${earlier}" and "${later}"`)
}
