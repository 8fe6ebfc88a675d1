import { mkdir, readdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import { BrokenImageError } from "../../broken.ts"
import type { DatasetSource } from "../../dataset.ts"
import { labelsAt } from "../../label-sets.ts"
import { type Split, splits } from "../../splits.ts"
import { openDataset } from "../open.ts"
import type { ResolvedData } from "../../resolved.ts"
import { unreadable } from "../unreadable.ts"
import { packedImage } from "./images.ts"
import type { ShardWriter } from "./shard-writer.ts"
import { tarShard } from "./tar.ts"

/** The formats of shards. */
export const packFormats = ["parquet", "wds"] as const
/** The formats of shards. */
export type PackFormat = (typeof packFormats)[number]

const openShard: Readonly<Record<PackFormat, typeof tarShard>> = {
  parquet: async (...shard) => (await import("./parquet.ts")).parquetShard(...shard),
  wds: tarShard,
}

/** Options of writing data as shards. */
export interface PackOptions {
  readonly to: PackFormat
  /** The folder of the shards. It must not exist, or be empty. */
  readonly out: string
  /** The longest shortest side. Larger images are made smaller; by default none is. */
  readonly imageSize?: number | undefined
  /** The bytes of images of a shard; 256 MiB by default. */
  readonly shardBytes?: number | undefined
  /** Called after each image, with the number so far and the number of all. */
  readonly onImage?: ((done: number, total: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The shards that were written. */
export interface PackResult {
  readonly files: readonly string[]
  /** The number of images of each split. */
  readonly images: Readonly<Partial<Record<Split, number>>>
  readonly bytes: number
  /** Images that are broken and left out, each with its fault. */
  readonly broken: readonly string[]
}

const names: Readonly<Record<Split, string>> = { train: "train", val: "validation", test: "test" }

/**
 * Writes data as shards of Parquet, as `datasets` reads them, or of tar files, as WebDataset reads them. Images keep
 * their order and, unless they are made smaller, their bytes.
 * @throws VitrineError (file, config) for a folder that holds something, a full disk, and data without an image
 */
export async function packData(data: ResolvedData, options: PackOptions): Promise<PackResult> {
  const { to, out, shardBytes = 2 ** 28, imageSize, onImage, signal } = options
  await makeEmpty(out)
  const sources = splits.flatMap((split) => {
    const source = data[split]
    return source === null ? [] : [{ split, source }]
  })
  const total = sources.reduce((sum, { source }) => sum + lengthOf(source), 0)
  const files: string[] = []
  const broken: string[] = []
  const images: Partial<Record<Split, number>> = {}
  let done = 0
  let bytes = 0
  for (const { split, source } of sources) {
    const dataset = await openDataset(source)
    const { labelSets, classes } = dataset
    const several = labelSets !== undefined
    const partial: string[] = []
    let writer: ShardWriter | undefined
    let inShard = 0
    try {
      for (let i = 0; i < dataset.length; i++) {
        signal?.throwIfAborted()
        const image = await packedImage(dataset, i, imageSize).catch((error: unknown) => {
          if (error instanceof BrokenImageError) return error
          throw error
        })
        onImage?.(++done, total)
        if (image instanceof BrokenImageError) {
          broken.push(image.message)
          continue
        }
        if (writer !== undefined && inShard + image.bytes.length > shardBytes) {
          await writer.finish()
          writer = undefined
        }
        if (writer === undefined) {
          const path = join(out, `${names[split]}-${partial.length}.partial`)
          partial.push(path)
          writer = await openShard[to](path, classes, several)
          inShard = 0
        }
        await writer.add(
          String(i).padStart(8, "0"),
          image,
          several ? [...labelsAt(labelSets, i)] : [at(dataset.labels, i)],
        )
        images[split] = (images[split] ?? 0) + 1
        inShard += image.bytes.length
        bytes += image.bytes.length
      }
      await writer?.finish()
    } catch (error) {
      for (const path of [...partial, ...files]) await rm(path, { force: true })
      if (VitrineError.isInstance(error) || signal?.aborted === true) throw error
      throw unreadable(out, error)
    } finally {
      await dataset.close?.()
    }
    for (const [number, path] of partial.entries()) {
      const name = shardName(to, names[split], number, partial.length)
      await rename(path, join(out, name))
      files.push(join(out, name))
    }
  }
  if (files.length === 0) throw new VitrineError("file", `${out}: there is no image to write`)
  return { files, images, bytes, broken }
}

/** The name of a shard, as the hub and WebDataset write it. */
function shardName(to: PackFormat, split: string, number: number, count: number): string {
  const digits = (value: number, length: number): string => String(value).padStart(length, "0")
  return to === "parquet"
    ? `${split}-${digits(number, 5)}-of-${digits(count, 5)}.parquet`
    : `${split}-${digits(number, 6)}.tar`
}

async function makeEmpty(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    if ((await readdir(folder)).length === 0) return
  } catch (error) {
    throw unreadable(folder, error)
  }
  throw new VitrineError("file", `${folder}: holds something already: name an empty or a new folder (--out)`)
}

function lengthOf(source: DatasetSource): number {
  switch (source.kind) {
    case "subset":
      return source.examples.length
    case "shapes":
      return source.size
    case "idx":
    case "npz":
      return 0
    default:
      return source.labels.length
  }
}
