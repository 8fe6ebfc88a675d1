import { basename } from "node:path"
import { at } from "../../at.ts"
import type { ParquetSource } from "../../dataset.ts"
import { passedOverLines } from "../../formats.ts"
import type { ResolvedData } from "../../resolved.ts"
import { labelledRows } from "../../labelled-rows.ts"
import { columnsOf, splitNameInRow, unlabelledColumns } from "../../tables/columns.ts"
import { classLabels, noClasses, rowLabels, sourceLabels } from "../../tables/labels.ts"
import { splitExamples, splitSources } from "../../tables/split-examples.ts"
import { byteIndex, contentOf } from "./content.ts"
import { cacheNotes } from "../range-cache.ts"
import type { ParquetOptions } from "./options.ts"
import { type BytesColumn, isRemote, type OpenPart } from "../../parquet/part.ts"
import { placeOf, startsOf } from "./places.ts"
import { wholeTable } from "../../parquet/table.ts"

/** Finds images and labels in Parquet files that hold the bytes of images. */
export async function resolveBytes(
  files: readonly OpenPart[],
  images: BytesColumn,
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  const { unlabelled = false } = options
  const { table, classNames, parts } = await wholeTable(files, images, unlabelled ? { labelColumns: [] } : options)
  const labelColumns = options.labelColumns ?? (classNames && [classNames.column])
  const columns = unlabelled ? unlabelledColumns(table) : columnsOf(table, { fileColumn: images.column, labelColumns })
  const index = await byteIndex(files, images)
  const passed: (readonly [kind: string, example: string])[] = []
  const places = [...table.rows.keys()].filter((row) => {
    const isThere = !index.missing.has(row)
    if (!isThere) passed.push([`rows of ${table.name} without an image`, `row ${row}`])
    return isThere
  })
  const read = unlabelled
    ? noClasses(places.length)
    : classNames === undefined
      ? rowLabels(table, columns, places)
      : classLabels(table, columns, places, classNames.names)
  const { classes, labelSets } = read
  const starts = startsOf(parts)
  const examples = labelledRows(
    places.map((row) => ({ row })),
    read,
    {
      splitNameOf: ({ row }) =>
        splitNameInRow(table, columns, at(table.rows, row)) ?? at(parts, placeOf(starts, row)[0]).split,
      training: options.trainSplit,
      kinds: { unlabelled: `rows of ${table.name} without a label`, ofSplit: "rows of the split" },
      passOver: (kind, { row }) => passed.push([kind, `row ${row}`]),
    },
  )
  const facts = { classes, several: labelSets !== undefined, title, table: table.name }
  const lists = splitExamples(examples, facts, options, () => {
    const lines = passedOverLines(passed)
    return `has no image with a label${lines.length > 0 ? `: ${lines.join("; ")}` : ""}`
  })
  const { order, note, ...content } = await contentOf(files, images, index, title, options)
  const labelNames = columns.labels.map((column) => table.columns[column] ?? "")
  const labelled = unlabelled ? "images" : "images and labels"
  return {
    ...splitSources(
      lists,
      (examples, split): ParquetSource => ({
        kind: "parquet",
        name: `${basename(title)} ${split}`,
        ...sourceLabels(examples, read),
        files: parts.map(({ path, rows, bytes, authorization }) => ({
          path,
          rows,
          bytes,
          ...(authorization !== undefined && { authorization }),
        })),
        column: images.path,
        rows: Uint32Array.from(examples, ({ row }) => row),
        ...content,
        order,
      }),
    ),
    passedOver: passedOverLines(passed),
    notes: [
      `${labelled} by Parquet (${[images.column, ...(unlabelled ? [] : [labelNames.slice(0, 4).join(", ")])].join("; ")})`,
      ...read.notes,
      note,
      ...(files.some(isRemote) ? cacheNotes() : []),
    ],
  }
}
