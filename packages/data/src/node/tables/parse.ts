import { parse } from "csv-parse/sync"
import { VitrineError } from "@vitrine/core"
import { messageOf } from "../../message.ts"
import type { Cell, Table } from "../../tables/table.ts"
import { jsonFault, textLines } from "../../text.ts"

/** The limits of a table. In JSON lines, empty lines count as rows. */
export const tableLimits: { readonly rows: number; readonly columns: number; readonly cells: number } = {
  rows: 4_000_000,
  columns: 10_000,
  cells: 50_000_000,
}

/** A table of JSON may have so many cells, and so many for each of its values. Others would be empty. */
const [freeCells, cellsOfValue] = [2 ** 24, 16]

/**
 * Refuses a table of JSON that is nearly empty: a short line with one value would take a cell for each column.
 * @throws VitrineError (file)
 */
export function checkCells(cells: number, values: number, name: string): void {
  if (cells > Math.min(tableLimits.cells, freeCells + cellsOfValue * values))
    throw new VitrineError(
      "file",
      `${name}: holds ${values} values, but its rows have ${cells} cells in all: leave out columns that few rows have`,
    )
}

/**
 * Reads a table: CSV with commas, semicolons or tabs, TSV, or JSON lines.
 * @throws VitrineError (file) with the file and the line
 */
export function parseTable(bytes: Uint8Array, name: string, limits: typeof tableLimits = tableLimits): Table {
  const text = textOf(bytes, name)
  return /\.jsonl$/i.test(name) ? parseJsonLines(text, name, limits) : parseCsv(text, name, limits)
}

function textOf(bytes: Uint8Array, name: string): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : "utf-8"
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    throw new VitrineError("file", `${name}: is not UTF-8: save it as UTF-8`)
  }
}

function parseCsv(text: string, name: string, limits: typeof tableLimits): Table {
  try {
    const { delimiter, columns: width } = delimiterOf(text, name)
    const most = Math.floor(limits.cells / width)
    const records: string[][] = parse(text, {
      delimiter,
      relax_quotes: true,
      skip_empty_lines: true,
      trim: true,
      to: Math.min(limits.rows, most) + 2,
    })
    const [columns, ...rows] = records
    if (rows.length > most) throw new VitrineError("file", `${name}: has more than ${most} rows of ${width} columns`)
    if (columns === undefined || rows.length === 0)
      throw new VitrineError("file", `${name}: has no rows below its header`)
    return checked({ name, columns, rows }, limits)
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    const [fault = ""] = messageOf(error).split("\n")
    throw new VitrineError("file", `${name}: ${fault}`, { cause: error })
  }
}

/** The usual delimiter that occurs most often in the header, outside quotes, and the number of columns that it makes. */
function delimiterOf(text: string, name: string): { readonly delimiter: string; readonly columns: number } {
  const [header = ""] = text
    .slice(0, 2 ** 20)
    .replaceAll(/"[^"]*"/g, "")
    .split(/\r?\n/, 1)
  const counts = (/\.tsv$/i.test(name) ? ["\t", ",", ";"] : [",", ";", "\t"]).map(
    (delimiter) => [delimiter, header.split(delimiter).length] as const,
  )
  const [first = [",", 1] as const, ...others] = counts
  const [delimiter, columns] = others.reduce((best, each) => (each[1] > best[1] ? each : best), first)
  return { delimiter, columns }
}

function parseJsonLines(text: string, name: string, limits: typeof tableLimits): Table {
  const places = new Map<string, number>()
  const rows: Cell[][] = []
  const count = { lists: 0, commas: 0 }
  let number = 0
  let [cells, values] = [0, 0]
  for (const line of textLines(text)) {
    if (++number > limits.rows + 1) throw tooManyRows(name, limits)
    if (line.trim() === "") continue
    const fail = (): never => {
      throw new VitrineError("file", `${name}: line ${number} is no JSON object`)
    }
    let record: unknown
    const fault = jsonFault(line, count)
    if (fault !== undefined) throw new VitrineError("file", `${name}: line ${number} ${fault}`)
    try {
      record = JSON.parse(line)
    } catch {
      fail()
    }
    if (typeof record !== "object" || record === null || Array.isArray(record)) fail()
    const row: Cell[] = []
    const entries = Object.entries(Object(record))
    for (const [key, value] of entries) {
      const place = places.get(key) ?? places.size
      if (place === limits.columns) throw tooManyColumns(name, limits)
      places.set(key, place)
      row[place] = value
    }
    rows.push(row)
    cells += row.length
    values += entries.length
    checkCells(cells, values, name)
  }
  if (rows.length === 0) throw new VitrineError("file", `${name}: has no lines`)
  return checked({ name, columns: [...places.keys()], rows }, limits)
}

const tooManyRows = (name: string, { rows }: typeof tableLimits): VitrineError =>
  new VitrineError("file", `${name}: has more than ${rows} rows`)
const tooManyColumns = (name: string, { columns }: typeof tableLimits): VitrineError =>
  new VitrineError("file", `${name}: has more than ${columns} columns`)

function checked(table: Table, limits: typeof tableLimits): Table {
  const { name, columns, rows } = table
  if (rows.length > limits.rows) throw tooManyRows(name, limits)
  if (columns.length > limits.columns) throw tooManyColumns(name, limits)
  const names = new Set<string>()
  for (const column of columns) {
    if (names.has(column)) throw new VitrineError("file", `${name}: has two columns "${column}"`)
    names.add(column)
  }
  return table
}
