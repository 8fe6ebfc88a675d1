import type { ByteSource } from "@vitrine/archive"
import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import { passedOverLines } from "../formats.ts"
import { labelledRows } from "../labelled-rows.ts"
import { namedShards } from "../shard-names.ts"
import type { Split } from "../splits.ts"
import { columnsOf, splitNameInRow } from "../tables/columns.ts"
import { classLabels, rowLabels } from "../tables/labels.ts"
import { splitExamples } from "../tables/split-examples.ts"
import { imageColumn } from "./columns.ts"
import { openParquetFile } from "./file.ts"
import { columnPortions } from "./pages.ts"
import type { BytesColumn, OpenPart } from "./part.ts"
import { wholeTable } from "./table.ts"
import { portionImages } from "./values.ts"

/** The images of Parquet files, with one label each. */
export interface ParquetPictures {
  readonly classes: readonly string[]
  /** Images for validation are held out if the files have none, as in `resolveData`. */
  readonly splits: Readonly<Record<Split, readonly ParquetPicture[]>>
  /** A line for each kind of rows that are passed over. */
  readonly passedOver: readonly string[]
}

/** A picture of Parquet files. */
export interface ParquetPicture {
  /** The name of the picture in errors. */
  readonly name: string
  /** The index of its class. */
  readonly label: number
  /** An image file. */
  readonly bytes: Uint8Array
}

/** The greatest size of all images together, after they are decompressed. */
const mostBytes = 2 ** 30
/** The bytes of images that are decompressed together. */
const portionBytes = 2 ** 22

/**
 * Reads all images of Parquet files, whose names may say their splits, into memory. The columns are found as in
 * `resolveData`.
 * @throws VitrineError (file, config) for files without images or labels, and for images with several labels
 */
export async function parquetPictures(sources: readonly ByteSource[], title: string): Promise<ParquetPictures> {
  const shards = namedShards(
    sources.map(({ name }) => name),
    title,
  )
  const files: OpenPart[] = []
  for (const [i, source] of sources.entries())
    files.push({ path: source.name, split: at(shards, i).split, file: await openParquetFile(source) })
  const images = imagesOf(files, title)
  const { table, classNames, parts } = await wholeTable(files, images, {})
  const labelColumns = classNames && [classNames.column]
  const columns = columnsOf(table, { fileColumn: images.column, labelColumns })
  const content = await contentOf(files, images, title)
  const passed: (readonly [kind: string, example: string])[] = []
  const places = [...content.keys()].filter((row) => {
    const isThere = (content[row]?.length ?? 0) > 0
    if (!isThere) passed.push([`rows of ${table.name} without an image`, `row ${row}`])
    return isThere
  })
  const read =
    classNames === undefined ? rowLabels(table, columns, places) : classLabels(table, columns, places, classNames.names)
  const { classes, labelSets } = read
  if (labelSets !== undefined)
    throw new VitrineError("config", `${title}: its images may have several labels; one is needed`)
  const splitOfRow = parts.flatMap(({ split, rows }) => Array<string | undefined>(rows).fill(split))
  const examples = labelledRows(
    places.map((row) => ({ row })),
    read,
    {
      splitNameOf: ({ row }) => splitNameInRow(table, columns, at(table.rows, row)) ?? splitOfRow[row],
      training: undefined,
      kinds: { unlabelled: `rows of ${table.name} without a label`, ofSplit: "rows of the split" },
      passOver: (kind, { row }) => passed.push([kind, `row ${row}`]),
    },
  )
  const facts = { classes, several: false, title, table: table.name }
  const lists = splitExamples(examples, facts, {}, () => "has no image with a label")
  const pictures = (split: Split): ParquetPicture[] =>
    lists[split].map(({ row, label }) => ({
      name: `${table.name}, row ${row}`,
      label,
      bytes: content[row] ?? new Uint8Array(),
    }))
  return {
    classes,
    splits: { train: pictures("train"), val: pictures("val"), test: pictures("test") },
    passedOver: passedOverLines(passed),
  }
}

function imagesOf([first]: readonly OpenPart[], title: string): BytesColumn {
  const images = first && imageColumn(first.file, undefined)
  if (images?.kind === "bytes") return images
  throw new VitrineError("file", `${title}: has no column with the bytes of images`)
}

/** The bytes of all images, or null for rows that have none. */
async function contentOf(
  files: readonly OpenPart[],
  { path }: BytesColumn,
  title: string,
): Promise<(Uint8Array | null)[]> {
  const content: (Uint8Array | null)[] = []
  const columns = files.flatMap(({ file }) => file.groups.flatMap(({ columns }) => columns.get(path) ?? []))
  const total = columns.reduce((sum, { unpacked }) => sum + unpacked, 0)
  if (total > mostBytes)
    throw new VitrineError("file", `${title}: holds ${total} bytes of images; up to ${mostBytes} are read`)
  for (const { file } of files)
    for (const group of file.groups) {
      const column = group.columns.get(path)
      if (column === undefined) continue
      for (const portion of await columnPortions(file, group, column, portionBytes, true))
        for (const image of await portionImages(file, column, portion)) content.push(image && image.slice())
    }
  return content
}
