import { at } from "../../at.ts"
import type { Order } from "../../order.ts"
import { guarded, type ParquetFile, type ParquetGroup } from "../../parquet/file.ts"
import { columnPortions, growthOf, type Portion } from "../../parquet/pages.ts"
import { portionImages } from "../../parquet/values.ts"
import { lastIndex } from "./places.ts"

/** The bytes of images that are read together. Small portions make the blocks of an order small. */
export const portionBytes: { readonly disk: number; readonly server: number } = { disk: 2 ** 20, server: 2 ** 22 }
/** Portions that are read and decompressed at a time. */
const atOnce = 2
/** Portions that are kept at least, and bytes of them that are kept at most. */
const [fewest, mostBytes] = [8, 2 ** 28]

type Images = readonly (Uint8Array | null)[]

/** Opens a file for reading images by their rows. All files of the reader share its memory. */
export type PortionReader = (
  file: ParquetFile,
  cheap: boolean,
) => { image(row: number): Promise<Uint8Array | null>; prefetch(row: number): void }

/**
 * Makes a reader that keeps the portions that were used last: two windows of the order.
 * @param path the column with the images
 */
export function portionReader(path: string, order: Order): PortionReader {
  const kept = new Map<string, { readonly bytes: number; readonly images: Promise<Images> }>()
  // A block begins and ends within a portion, so that a window of blocks may need twice as many.
  const most = order === "exact" ? fewest : Math.max(fewest, 4 * order.blocks + 4)
  const gate = limited(atOnce)
  let bytes = 0
  let files = 0
  const load = (key: string, size: number, read: () => Promise<Images>): Promise<Images> => {
    const earlier = kept.get(key)
    kept.delete(key)
    const entry = earlier ?? { bytes: size, images: gate(read) }
    kept.set(key, entry)
    if (earlier !== undefined) return entry.images
    bytes += size
    entry.images.catch(() => {
      // A read that failed, as of a network, may be tried again.
      if (kept.get(key) === entry && kept.delete(key)) bytes -= size
    })
    for (const [oldest, { bytes: freed }] of kept) {
      if (kept.size <= 2 || (kept.size <= most && bytes <= mostBytes)) break
      kept.delete(oldest)
      bytes -= freed
    }
    return entry.images
  }
  return (file, cheap) => {
    const number = files++
    const groups = file.groups.map((group): OpenGroup => ({ group, portions: undefined }))
    const find = async (row: number): Promise<readonly [images: Promise<Images>, place: number]> => {
      const place = lastIndex(groups.length, (i) => at(groups, i).group.firstRow <= row)
      const entry = at(groups, place)
      const column = entry.group.columns.get(path)
      if (column === undefined)
        return guarded(file.source.name, () => {
          throw new Error(`a row group has no column ${path}`)
        })
      entry.portions ??= columnPortions(
        file,
        entry.group,
        column,
        cheap ? portionBytes.disk : portionBytes.server,
        cheap,
      )
      const portions = await entry.portions
      const index = lastIndex(portions.length, (i) => at(portions, i).firstRow <= row)
      const portion = at(portions, index)
      const size = (portion.end - portion.begin) * growthOf(column)
      const images = load(`${number} ${place} ${index}`, size, () => portionImages(file, column, portion))
      return [images, row - portion.firstRow]
    }
    return {
      async image(row) {
        const [images, place] = await find(row)
        return (await images)[place] ?? null
      },
      prefetch(row) {
        find(row)
          .then(([images]) => images)
          .catch(() => {}) // The error is reported when the row is read.
      },
    }
  }
}

/** Lets some tasks run at a time. The others wait for their turn. */
function limited(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (task) => {
    if (running === most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}

interface OpenGroup {
  readonly group: ParquetGroup
  /** The portions of its images, once they were asked for. */
  portions: Promise<Portion[]> | undefined
}
