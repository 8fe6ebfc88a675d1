import { stat } from "node:fs/promises"
import { basename, dirname, resolve } from "node:path"
import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import { mapConcurrently } from "../../concurrent.ts"
import { BrokenImageError } from "../../broken.ts"
import type { Dataset, DatasetSource, ParquetSource } from "../../dataset.ts"
import { imageHeader } from "../../header.ts"
import { isAddress, plainAddress } from "../../remote.ts"
import { type Leaf, leavesOf } from "../../parquet/leaves.ts"
import { type OpenPart, partsAtOnce } from "../../parquet/part.ts"
import { columnValues } from "../../parquet/values.ts"
import { drawnShare, type Split } from "../../splits.ts"
import { type Cell, mostTableBytes } from "../../tables/table.ts"
import { decodeImage } from "../decode.ts"
import { mayBeTurned } from "../orientation.ts"
import { openTree } from "../tree.ts"
import { parquetNames, isParquetPath } from "./names.ts"
import { openParquet } from "./open.ts"
import type { ParquetOptions } from "./options.ts"
import { resolveBytes } from "./bytes.ts"
import { bytesOfImages, type RemotePart, withLocalParts, withRemoteParts } from "./resolve.ts"

/** Images of Parquet files with what other columns say about them. */
export interface ImageRows {
  /** The columns beside the images, down to single values. */
  readonly leaves: readonly Leaf[]
  /** Finds the images of each split. `rows` of a source are the places in the values of a column. */
  splits(): Promise<ImageSplits>
  /** The values of a column for all rows. Lists within lists become one list. */
  values(leaf: Leaf): Promise<readonly Cell[]>
}

/** The images of each split. */
export interface ImageSplits extends Readonly<Record<Split, ParquetSource | null>> {
  /** Rows that are passed over: a line for each kind with its number and an example. */
  readonly passedOver: readonly string[]
}

/** The [height, width] of each image, by its header. It is undefined for an image that is broken. */
export async function imageSizes(
  source: ParquetSource,
): Promise<(readonly [height: number, width: number] | undefined)[]> {
  const dataset = openParquet(source)
  try {
    const sizes: (readonly [number, number] | undefined)[] = []
    for (let i = 0; i < dataset.length; i++) sizes.push(await sizeOf(dataset, i))
    return sizes
  } finally {
    await dataset.close?.()
  }
}

async function sizeOf(dataset: Dataset, index: number): Promise<readonly [number, number] | undefined> {
  try {
    const bytes = await dataset.bytes?.(index)
    const header = bytes && imageHeader(bytes)
    if (bytes === undefined || header === undefined || header.width * header.height === 0) return undefined
    const { width, height } = mayBeTurned(bytes, header.format) ? await decodeImage(bytes) : header
    return [height, width]
  } catch (error) {
    if (error instanceof BrokenImageError) return undefined
    throw error
  }
}

/** Where Parquet files are: a path, an address, or files of the hub. */
export type ParquetPlace = string | { readonly title: string; readonly parts: readonly RemotePart[] }

/**
 * Reads images with annotations: for data whose rows have more than a class. All images are kept in memory if their
 * files are compressed or on a server.
 * @param use gets the rows while their files are open
 * @returns undefined for a path that is neither a Parquet file nor a folder of such files
 * @throws VitrineError (file, config)
 */
export async function withImageRows<T>(
  place: ParquetPlace,
  options: ParquetOptions,
  use: (rows: ImageRows) => Promise<T>,
): Promise<T | undefined> {
  const whole: ParquetOptions = { ...options, valFraction: 0, unlabelled: true, order: "exact" }
  const read = async (files: readonly OpenPart[], title: string): Promise<T> => {
    const images = bytesOfImages(files, title, whole)
    return use({
      leaves: leavesOf(files.map(({ file }) => file)).filter(({ names }) => names[0] !== images.column),
      async splits() {
        const { train, val, test, passedOver } = await resolveBytes(files, images, title, whole)
        const sources = { train: parquetOnly(train), val: parquetOnly(val), test: parquetOnly(test) }
        const isWhole = sources.val === null && sources.test === null
        return { ...(isWhole ? heldOut(sources.train, options) : sources), passedOver }
      },
      async values({ path, names }) {
        const name = names.join(".")
        const parts = files.flatMap(({ file }) =>
          file.groups.map((group) => {
            const column = group.columns.get(path)
            if (column === undefined)
              throw new VitrineError("file", `${file.source.name}: has no column ${name} as the first file has it`)
            return { file, group, column }
          }),
        )
        const total = parts.reduce((sum, { column }) => sum + column.unpacked, 0)
        if (total > mostTableBytes)
          throw new VitrineError(
            "file",
            `${title}: its column ${name} has ${total} bytes; up to ${mostTableBytes} are read`,
          )
        const cells = await mapConcurrently(parts, partsAtOnce, ({ file, group, column }) =>
          columnValues(file, group, column),
        )
        return cells.flat(1)
      },
    })
  }
  if (typeof place !== "string") return withRemoteParts(place.parts, place.title, (files) => read(files, place.title))
  if (isAddress(place)) {
    const name = basename(new URL(place).pathname)
    const title = plainAddress(place)
    return isParquetPath(name)
      ? withRemoteParts([{ url: place, name }], title, (files) => read(files, title))
      : undefined
  }
  const path = resolve(place)
  const info = await stat(path).catch(() => undefined)
  if (info?.isFile() && isParquetPath(path))
    return withLocalParts(dirname(path), [basename(path)], place, (files) => read(files, place))
  if (!info?.isDirectory()) return undefined
  const tree = await openTree(path, isParquetPath)
  await tree.close()
  const names = tree.names.length > tree.others.length ? [] : parquetNames(tree.others)
  return names.length === 0 ? undefined : withLocalParts(path, names, place, (files) => read(files, place))
}

/** Holds out a share of the images, drawn at random. */
function heldOut(
  source: ParquetSource | null,
  { valFraction = 0.1, seed = 0 }: ParquetOptions,
): Readonly<Record<Split, ParquetSource | null>> {
  const chosen = new Set(drawnShare(foldKey(keyFromSeed(seed), "split"), source?.rows.length ?? 0, valFraction))
  if (source === null || chosen.size === 0) return { train: source, val: null, test: null }
  const part = (isHeldOut: boolean, split: Split): ParquetSource => {
    const rows = source.rows.filter((_, i) => chosen.has(i) === isHeldOut)
    return { ...source, name: source.name.replace(/train$/, split), rows, labels: new Int32Array(rows.length) }
  }
  return { train: part(false, "train"), val: part(true, "val"), test: null }
}

const parquetOnly = (source: DatasetSource | null): ParquetSource | null => (source?.kind === "parquet" ? source : null)
