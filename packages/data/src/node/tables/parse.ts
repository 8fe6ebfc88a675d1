import { parse } from "csv-parse/sync"
import { VitrineError } from "@vitrine/core"
import { messageOf } from "../../message.ts"
import type { Cell, Table } from "../../tables/table.ts"
import { jsonFault, textLines } from "../../text.ts"

/** The limits of a table. In JSON lines, empty lines count as rows. */
export const tableLimits: { readonly rows: number; readonly columns: number } = { rows: 4_000_000, columns: 10_000 }

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
    const records: string[][] = parse(text, {
      delimiter: delimiterOf(text, name),
      relax_quotes: true,
      skip_empty_lines: true,
      trim: true,
      to: limits.rows + 2,
    })
    const [columns, ...rows] = records
    if (columns === undefined || rows.length === 0)
      throw new VitrineError("file", `${name}: has no rows below its header`)
    return checked({ name, columns, rows }, limits)
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    const [fault = ""] = messageOf(error).split("\n")
    throw new VitrineError("file", `${name}: ${fault}`, { cause: error })
  }
}

/** The usual delimiter that occurs most often in the header, outside quotes. */
function delimiterOf(text: string, name: string): string {
  const [header = ""] = text
    .slice(0, 2 ** 20)
    .replaceAll(/"[^"]*"/g, "")
    .split(/\r?\n/, 1)
  const counts = (/\.tsv$/i.test(name) ? ["\t", ",", ";"] : [",", ";", "\t"]).map(
    (delimiter) => [delimiter, header.split(delimiter).length] as const,
  )
  const [first = [",", 0] as const, ...others] = counts
  return others.reduce((best, each) => (each[1] > best[1] ? each : best), first)[0]
}

function parseJsonLines(text: string, name: string, limits: typeof tableLimits): Table {
  const places = new Map<string, number>()
  const rows: Cell[][] = []
  const count = { lists: 0, commas: 0 }
  let number = 0
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
    for (const [key, value] of Object.entries(Object(record))) {
      const place = places.get(key) ?? places.size
      if (place === limits.columns) throw tooManyColumns(name, limits)
      places.set(key, place)
      row[place] = value
    }
    rows.push(row)
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
