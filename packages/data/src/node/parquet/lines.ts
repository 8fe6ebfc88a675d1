import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import type { ParquetSource } from "../../dataset.ts"
import { lineFault } from "../../lines/labels.ts"
import type { LineSet } from "../../lines/lines.ts"
import type { Leaf } from "../../parquet/leaves.ts"
import type { SplitOptions } from "../../splits.ts"
import { type ParquetPlace, withImageRows } from "./image-rows.ts"
import { openParquet } from "./open.ts"

/** The usual names of a column of texts, the most usual first. */
const textColumns = [
  "text",
  "transcription",
  "transcript",
  "caption",
  "captions",
  "sentence",
  "sentences",
  "ground_truth",
  "label",
]

/** The lines of Parquet files: a training and perhaps a validation set, and the lines that are passed over. */
export interface ParquetLines {
  readonly train: LineSet
  readonly val: LineSet | null
  readonly skipped: readonly string[]
  close(): Promise<void>
}

/**
 * Opens images of lines with a column of texts.
 * @returns undefined for data without such a column, and for those that are no Parquet
 * @throws VitrineError (file)
 */
export async function parquetLines(place: ParquetPlace, options: SplitOptions): Promise<ParquetLines | undefined> {
  const title = typeof place === "string" ? place : place.title
  return withImageRows(place, { ...options, testValidates: true }, async (rows) => {
    const column = textColumn(rows.leaves)
    if (column === undefined) return undefined
    const cells = await rows.values(column)
    const texts = cells.map((cell: unknown) => {
      const text: unknown = Array.isArray(cell) ? cell[0] : cell
      return typeof text === "string" ? text.normalize("NFC").trim() : ""
    })
    // Texts of one character are classes, of which lines can be made.
    if (texts.every((text) => Array.from(text).length <= 1)) return undefined
    const skipped: string[] = []
    const closers: (() => Promise<void>)[] = []
    const open = (source: ParquetSource | null): LineSet | null => {
      if (source === null) return null
      const kept = source.rows.filter((row) => {
        const fault = lineFault(at(texts, row))
        if (fault !== undefined) skipped.push(`${title}, row ${row}: ${fault}`)
        return fault === undefined
      })
      const images = openParquet({ ...source, rows: kept, labels: new Int32Array(kept.length) })
      closers.push(async () => images.close?.())
      const { name, length, channels, describe, read } = images
      return { name, length, channels, describe, read, text: (index) => at(texts, at(kept, index)) }
    }
    const { train: training, val: validation, passedOver } = await rows.splits()
    const [train, val] = [open(training), open(validation)]
    skipped.push(...passedOver)
    if (train === null || train.length === 0)
      throw new VitrineError("file", `${title}: has no line to train on${skipped.length > 0 ? `; ${skipped[0]}` : ""}`)
    const close = async (): Promise<void> => {
      for (const each of closers) await each()
    }
    return { train, val: val?.length === 0 ? null : val, skipped, close }
  })
}

/** The column with a usual name, or the only one with texts. */
function textColumn(leaves: readonly Leaf[]): Leaf | undefined {
  const texts = leaves.filter(
    ({ isText, names, classNames }) => isText && names.length === 1 && classNames === undefined,
  )
  for (const usual of textColumns) {
    const found = texts.find(({ names: [name = ""] }) => name.toLowerCase() === usual)
    if (found !== undefined) return found
  }
  const others = texts.filter(
    ({ names: [name = ""] }) => !/^(id|image_id|split|path|file|file_name|filename|source|url)$/i.test(name),
  )
  return others.length === 1 ? others[0] : undefined
}
