import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import { BrokenImageError } from "../../broken.ts"
import type { Dataset, ParquetPart, ParquetSource } from "../../dataset.ts"
import { openParquetFile } from "../../parquet/file.ts"
import { addressOrPath, isAddress } from "../../remote.ts"
import { openRemote } from "../range-cache.ts"
import { copyFrom } from "../archive.ts"
import { encodedImages } from "../encoded.ts"
import { fileSource, openFile } from "../open-file.ts"
import { openOnce } from "../open-once.ts"
import { placeOf, startsOf } from "./places.ts"
import { portionReader, type PortionReader } from "./portions.ts"

/**
 * Opens images in Parquet files as a data set. Files are opened when their first image is read.
 * @throws VitrineError (file)
 */
export function openParquet(source: ParquetSource): Dataset {
  const { files, rows, index, pages, order } = source
  const starts = startsOf(files)
  const reading = index !== undefined || pages !== undefined ? undefined : portionReader(source.column, order)
  const { file: part, close } = openOnce((number) => openPart(at(files, number), reading))
  const describe = (example: number): string => {
    const [place, row] = placeOf(starts, at(rows, example))
    const { path } = at(files, place)
    return `${addressOrPath(path)}, row ${row}`
  }
  const sizeOf = (example: number): number | undefined => index?.sizes[at(rows, example)]
  return encodedImages({
    source,
    length: rows.length,
    order,
    describe,
    ...(files.some(({ path }) => isAddress(path)) && order !== "exact" && { reach: order.rows * order.blocks }),
    sizeOf,
    async bytes(example) {
      const row = at(rows, example)
      const [place, inFile] = placeOf(starts, row)
      const size = sizeOf(example)
      if (size === 0) throw new BrokenImageError(`${describe(example)}: has no image`)
      const offset = index?.offsets[row] ?? 0
      if (pages !== undefined) {
        const image = Buffer.allocUnsafe(size ?? 0)
        copyFrom(pages, offset, image)
        return image
      }
      const file = await part(place)
      if (size !== undefined) return file.read(offset, offset + size)
      const image = await file.image(inFile)
      if (image === null || image.length === 0) throw new BrokenImageError(`${describe(example)}: has no image`)
      return image
    },
    ...(reading && {
      prefetch(examples: Uint32Array) {
        for (const example of examples) {
          const [place, row] = placeOf(starts, at(rows, example))
          void part(place).then(
            (file) => file.prefetch(row),
            () => {},
          )
        }
      },
    }),
    close,
  })
}

interface Opened {
  read(begin: number, end: number): Promise<Uint8Array>
  /** The image of a row, or null if it has none. */
  image(row: number): Promise<Uint8Array | null>
  /** Reads the portion of a row in advance. */
  prefetch(row: number): void
  close(): Promise<void>
}

async function openPart(
  { path, bytes, authorization }: ParquetPart,
  reading: PortionReader | undefined,
): Promise<Opened> {
  if (isAddress(path) && reading !== undefined) {
    const remote = await openRemote({ url: path, bytes, authorization })
    return {
      read: remote.read,
      ...reading(await openParquetFile(remote), false),
      close: async () => {},
    }
  }
  const { file, size } = await openFile(path)
  const close = (): Promise<void> => file.close()
  try {
    if (size !== bytes)
      throw new VitrineError("file", `${path}: is ${size} bytes, but was ${bytes} when its images were listed`)
    const source = fileSource(file, size, path)
    const read = (begin: number, end: number): Promise<Uint8Array> => source.read(begin, end)
    if (reading === undefined) return { read, image: async () => null, prefetch: () => {}, close }
    return { read, ...reading(await openParquetFile(source), true), close }
  } catch (error) {
    await close()
    throw error
  }
}
