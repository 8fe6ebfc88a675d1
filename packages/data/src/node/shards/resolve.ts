import { basename } from "node:path"
import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import { mapConcurrently } from "../../concurrent.ts"
import { orderText, type WindowedOrder } from "../../order.ts"
import { isAddress } from "../../remote.ts"
import { cacheNotes, openRemote } from "../range-cache.ts"
import { decodedFormats, fileKind, passedOverLines } from "../../formats.ts"
import type { ShardsSource } from "../../dataset.ts"
import type { ResolvedData } from "../../resolved.ts"
import { labelledRows } from "../../labelled-rows.ts"
import { namedShards } from "../../shard-names.ts"
import { columnsOf, splitNameInRow, unlabelledColumns } from "../../tables/columns.ts"
import { noClasses, rowLabels, sourceLabels } from "../../tables/labels.ts"
import type { Table } from "../../tables/table.ts"
import { splitExamples, splitSources } from "../../tables/split-examples.ts"
import type { ParquetOptions } from "../parquet/options.ts"
import { checkCells } from "../tables/parse.ts"
import { fileReader } from "../archive.ts"
import { openFile } from "../open-file.ts"
import { portionBytes, windowOf } from "../parquet/window.ts"
import { sequentialReader } from "./remote.ts"
import { readShard, type Sample, type SampleImage, sampleName, type Shard } from "./samples.ts"

/** Whether names in a tar file are those of WebDataset: a `.cls`, or texts beside images that are in no class folders. */
export function areSamples(names: readonly string[]): boolean {
  const extensions = names.map((name) => sampleName(name)[1])
  return extensions.includes("cls") || (names.every((name) => !name.includes("/")) && extensions.includes("json"))
}

/** A shard: its name, which may say its split, and its path or its address on a server. */
export interface ShardFile {
  readonly name: string
  readonly path: string
}

/**
 * Finds images and labels in tar shards of WebDataset. Shards on servers are read once for that.
 * @throws VitrineError (file, config)
 */
export async function resolveShards(
  files: readonly ShardFile[],
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  const names = files.map(({ name }) => name)
  const paths = files.map(({ path }) => path)
  const parts = namedShards(names, title)
  const isRemote = paths.some(isAddress)
  if (isRemote && options.order === "exact")
    throw new VitrineError(
      "config",
      `${title}: shards on a server are read in windows: leave out --order exact, or download them`,
    )
  const shards = await mapConcurrently(paths, shardsAtOnce, openShard)
  const bytes = shards.map(({ bytes }) => bytes)
  const samples: (Sample & { readonly shard: number })[] = []
  const passed: (readonly [kind: string, example: string])[] = []
  for (const [shard, read] of shards.entries()) {
    for (const sample of read.samples) samples.push({ ...sample, shard })
    for (const other of read.others) passed.push([fileKind(other), other])
  }
  const extensions = imageExtensions(samples, title, options.fileColumn)
  const rows = samples.flatMap((sample): Row[] => {
    const image = sample.images.find(({ extension }) => extensions.includes(extension))
    if (image !== undefined) return [{ ...sample, image }]
    passed.push(["samples without an image", sample.key])
    return []
  })
  const [first = ""] = names
  const table = tableOf(basename(first), rows)
  const { unlabelled = false, labelColumns = labelField(table) } = options
  const columns = unlabelled ? unlabelledColumns(table) : columnsOf(table, { fileColumn: imageField, labelColumns })
  const read = unlabelled ? noClasses(rows.length) : rowLabels(table, columns, [...rows.keys()])
  const { classes, labelSets } = read
  const examples = labelledRows(rows, read, {
    splitNameOf: ({ shard }, row) => splitNameInRow(table, columns, at(table.rows, row)) ?? at(parts, shard).split,
    training: options.trainSplit,
    kinds: { unlabelled: "samples without a label", ofSplit: "samples of the split" },
    passOver: (kind, { key }) => passed.push([kind, key]),
  })
  const facts = { classes, several: labelSets !== undefined, title, table: table.name }
  const lists = splitExamples(examples, facts, options, () => "has no image with a label")
  const labelNames = columns.labels.map((column) => table.columns[column] ?? "")
  const order = isRemote ? windowedOrder(rows, options.order) : undefined
  return {
    ...splitSources(
      lists,
      (examples, split): ShardsSource => ({
        kind: "shards",
        name: `${basename(title)} ${split}`,
        ...sourceLabels(examples, read),
        paths,
        bytes,
        ...(order && { order }),
        shards: Uint32Array.from(examples, ({ shard }) => shard),
        names: examples.map(({ image }) => image.name),
        offsets: Float64Array.from(examples, ({ image }) => image.offset),
        sizes: Float64Array.from(examples, ({ image }) => image.size),
      }),
    ),
    passedOver: passedOverLines(passed),
    notes: [
      `images and labels by ${paths.length === 1 ? "a shard" : `${paths.length} shards`} of WebDataset (.${extensions.join(", .")}; ${labelNames.slice(0, 4).join(", ")})`,
      ...read.notes,
      ...(order === undefined ? [] : remoteNotes(order, bytes)),
    ],
  }
}

/** Shards that are listed at a time. */
const shardsAtOnce = 4

/** Lists the samples of a shard. */
async function openShard(path: string): Promise<Shard & { readonly bytes: number }> {
  if (isAddress(path)) {
    const source = await openRemote({ url: path })
    return { ...(await readShard(sequentialReader(source), source.name)), bytes: source.size }
  }
  const { file, size } = await openFile(path)
  try {
    return { ...(await readShard(fileReader(file, size), path)), bytes: size }
  } finally {
    await file.close()
  }
}

/** The order that was chosen, or windows of about 16 MiB in blocks of 4 MiB. */
function windowedOrder(rows: readonly Row[], choice: ParquetOptions["order"]): WindowedOrder {
  if (typeof choice === "object") return choice
  const mean = Math.max(1, rows.reduce((sum, { image }) => sum + image.size, 0) / Math.max(1, rows.length))
  return windowOf(mean, 0, Math.max(1, Math.round(portionBytes.server / mean)))
}

function remoteNotes(order: WindowedOrder, bytes: readonly number[]): string[] {
  const total = bytes.reduce((sum, each) => sum + each, 0)
  return [
    `the shards were read once to count their images: ${total} bytes`,
    `order: ${orderText(order)}, since the images are on a server: ${order.blocks} blocks of ${order.rows} rows at a time are mixed`,
    ...cacheNotes(),
  ]
}

interface Row extends Sample {
  readonly shard: number
  readonly image: SampleImage
}

/**
 * The extensions of the images that are learned: all, if no sample has two images.
 * @throws VitrineError (config) if samples have several
 */
function imageExtensions(samples: readonly Sample[], title: string, named: string | undefined): readonly string[] {
  const all = [...new Set(samples.flatMap(({ images }) => images.map(({ extension }) => extension)))]
  if (all.length === 0) throw new VitrineError("file", `${title}: holds no ${decodedFormats} image`)
  const listed = all.map((extension) => `".${extension}"`).join(" and ")
  if (named !== undefined) {
    const extension = named.replace(/^\./, "").toLowerCase()
    if (all.includes(extension)) return [extension]
    throw new VitrineError("config", `${title}: has no images .${extension} (--file-column); they end with ${listed}`)
  }
  if (samples.every(({ images }) => images.length <= 1)) return all
  throw new VitrineError(
    "config",
    `${title}: its samples have several images, with the endings ${listed}: say which is learned (fileColumn, --file-column)`,
  )
}

/** The column of a sample's image. A JSON field may have any other name. */
const imageField = "the image of the sample"

function tableOf(name: string, rows: readonly Row[]): Table {
  const keys = rows.flatMap(({ fields }) => [...fields.keys()])
  const fields = [...new Set(keys)]
  checkCells(rows.length * fields.length, keys.length, name)
  return {
    name,
    columns: [imageField, ...fields],
    rows: rows.map((row) => [row.image.name, ...fields.map((field) => row.fields.get(field))]),
  }
}

/** WebDataset's usual file of a class, or the name of the class beside it. */
function labelField({ columns, rows }: Table): readonly string[] | undefined {
  if (!columns.includes("cls")) return undefined
  const label = columns.indexOf("label")
  return label >= 0 && rows.every((row) => typeof row[label] === "string") ? ["label"] : ["cls"]
}
