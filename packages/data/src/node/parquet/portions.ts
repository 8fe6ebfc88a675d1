import { at } from "../../at.ts"
import type { Order } from "../../order.ts"
import { guarded, type ParquetFile, type ParquetGroup } from "../../parquet/file.ts"
import { columnPortions, growthOf, type Portion } from "../../parquet/pages.ts"
import { portionImages } from "../../parquet/values.ts"
import { keptPortions } from "../kept-portions.ts"
import { lastIndex } from "./places.ts"
import { portionBytes } from "./window.ts"

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
  const load = keptPortions<Images>(order)
  let files = 0
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

interface OpenGroup {
  readonly group: ParquetGroup
  /** The portions of its images, once they were asked for. */
  portions: Promise<Portion[]> | undefined
}
