import { basename } from "node:path"
import { at } from "../../at.ts"
import type { ParquetSource } from "../../dataset.ts"
import { passedOverLines } from "../../formats.ts"
import { pickLabelSets } from "../../label-sets.ts"
import type { Split } from "../../splits.ts"
import type { ResolvedData } from "../resolved.ts"
import { splitNamed } from "../shard-names.ts"
import { cellText, columnsOf, isEmpty, unlabelledColumns } from "../tables/columns.ts"
import { classLabels, noClasses, rowLabels } from "../tables/labels.ts"
import { type SplitExample, splitExamples, splitNamesOf } from "../tables/split-examples.ts"
import { byteIndex, contentOf } from "./content.ts"
import type { ParquetOptions } from "./options.ts"
import type { BytesColumn, OpenPart } from "./part.ts"
import { placeOf, startsOf } from "./places.ts"
import { wholeTable } from "./table.ts"

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
  const present = Uint32Array.from(table.rows.keys()).filter((row) => {
    const isThere = !index.missing.has(row)
    if (!isThere) passed.push([`rows of ${table.name} without an image`, `row ${row}`])
    return isThere
  })
  const places = [...present]
  const read = unlabelled
    ? noClasses(places.length)
    : classNames === undefined
      ? rowLabels(table, columns, places)
      : classLabels(table, columns, places, classNames.names)
  const { classes, labelSets } = read
  const starts = startsOf(parts)
  const examples = places.flatMap((row, place): Example[] => {
    const label = at(read.labels, place)
    if (labelSets === undefined && label < 0) {
      passed.push([`rows of ${table.name} without a label`, `row ${row}`])
      return []
    }
    const cell = columns.split === undefined ? undefined : at(table.rows, row)[columns.split]
    const name = isEmpty(cell) ? at(parts, placeOf(starts, row)[0]).split : cellText(cell)
    const split = splitNamed(name, options.trainSplit)
    if (split === "other") {
      passed.push([`rows of the split "${name}"`, `row ${row}`])
      return []
    }
    return [{ row, place, label, split, splitName: split && name }]
  })
  const facts = { classes, several: labelSets !== undefined, title, table: table.name }
  const lists = splitExamples(examples, facts, options, () => {
    const lines = passedOverLines(passed)
    return `has no image with a label${lines.length > 0 ? `: ${lines.join("; ")}` : ""}`
  })
  const { order, note, ...content } = await contentOf(files, images, index, title, options)
  const source = (split: Split): ParquetSource => ({
    kind: "parquet",
    name: `${basename(title)} ${split}`,
    classes,
    files: parts.map(({ path, rows, bytes, authorization }) => ({
      path,
      rows,
      bytes,
      ...(authorization !== undefined && { authorization }),
    })),
    column: images.path,
    rows: Uint32Array.from(lists[split], ({ row }) => row),
    labels: Int32Array.from(lists[split], ({ label }) => label),
    ...(labelSets && {
      labelSets: pickLabelSets(
        labelSets,
        lists[split].map(({ place }) => place),
      ),
    }),
    ...content,
    order,
  })
  const labelNames = columns.labels.map((column) => table.columns[column] ?? "")
  const labelled = unlabelled ? "images" : "images and labels"
  return {
    train: source("train"),
    val: lists.val.length > 0 ? source("val") : null,
    test: lists.test.length > 0 ? source("test") : null,
    splitNames: splitNamesOf(lists),
    passedOver: passedOverLines(passed),
    notes: [
      `${labelled} by Parquet (${[images.column, ...(unlabelled ? [] : [labelNames.slice(0, 4).join(", ")])].join("; ")})`,
      ...read.notes,
      note,
    ],
  }
}

interface Example extends SplitExample {
  /** The row, counted through all files. */
  readonly row: number
  /** Its index among the rows with images. */
  readonly place: number
}
