import { VitrineError } from "@vitrine/core"
import { at } from "./at.ts"
import { BrokenImageError, firstImage, readOrBroken } from "./broken.ts"
import type { Dataset } from "./dataset.ts"
import { histogram } from "./histogram.ts"

/** Groups of neighbours, which lie in one row group of a Parquet file or one block of an archive. */
const neighbourGroups = 20

/**
 * The places of some `n` images that can be read, in groups of neighbours at even distances, or of all if they are
 * fewer.
 */
function* placesOf({ length, reach = length }: Dataset, n: number, groups: number): Generator<number> {
  const count = Math.min(length, reach)
  const groupCount = count <= n ? 1 : Math.min(groups, n)
  const size = Math.min(count, Math.floor(n / groupCount))
  for (let group = 0; group < groupCount; group++) {
    const first = Math.floor((group * count) / groupCount)
    for (let i = 0; i < size; i++) yield first + i
  }
}

/**
 * Mean and standard deviation of each channel, in [0, 1], over the pixels of some `n` images but broken ones. They lie
 * in groups at even distances, since folders and files often hold one class after another.
 */
export async function meanStd(dataset: Dataset, n = 2_000): Promise<{ mean: number[]; std: number[] }> {
  if (!(n >= 1)) throw new VitrineError("config", `meanStd needs at least one image, got ${n}`)
  // Counts of byte values are exact in any order.
  const counts = Array.from({ length: dataset.channels }, () => new Float64Array(256))
  for (const index of placesOf(dataset, n, neighbourGroups)) {
    const image = await readOrBroken(dataset, index)
    if (image instanceof BrokenImageError) continue
    const { data, channels } = image
    for (const [c, bins] of counts.entries())
      for (const [value, count] of histogram(data, c, channels).entries()) bins[value] = (bins[value] ?? 0) + count
  }
  const moments = counts.map((bins) => {
    const total = bins.reduce((sum, count) => sum + count, 0)
    const mean = bins.reduce((sum, count, value) => sum + count * (value / 255), 0) / total
    const variance = bins.reduce((sum, count, value) => sum + count * (value / 255 - mean) ** 2, 0) / total
    return { mean, std: Math.sqrt(variance) }
  })
  return { mean: moments.map(({ mean }) => mean), std: moments.map(({ std }) => std) }
}

/** The median height and the median width of images at even distances in the data. Broken images do not count. */
export async function usualSize(dataset: Dataset, count: number): Promise<readonly [height: number, width: number]> {
  const heights: number[] = []
  const widths: number[] = []
  for (const index of placesOf(dataset, count, count)) {
    const image = await readOrBroken(dataset, index)
    if (image instanceof BrokenImageError) continue
    heights.push(image.height)
    widths.push(image.width)
  }
  if (heights.length === 0) {
    const [, { height, width }] = await firstImage(dataset)
    return [height, width]
  }
  return [median(heights), median(widths)]
}

function median(values: readonly number[]): number {
  return at(
    [...values].sort((a, b) => a - b),
    Math.floor(values.length / 2),
  )
}
