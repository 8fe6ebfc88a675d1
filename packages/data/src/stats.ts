import { VitrineError } from "@vitrine/core"
import { at } from "./at.ts"
import { BrokenImageError, firstImage, readOrBroken } from "./broken.ts"
import type { Dataset } from "./dataset.ts"
import { histogram } from "./histogram.ts"

/** Mean and standard deviation of each channel, in [0, 1], over the pixels of the first `n` images but broken ones. */
export async function meanStd(dataset: Dataset, n = 10_000): Promise<{ mean: number[]; std: number[] }> {
  if (!(n >= 1)) throw new VitrineError("config", `meanStd needs at least one image, got ${n}`)
  // Counts of byte values are exact in any order.
  const counts = Array.from({ length: dataset.channels }, () => new Float64Array(256))
  const { length, reach = length } = dataset
  for (let index = 0; index < Math.min(n, length, reach); index++) {
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
  const { reach = dataset.length } = dataset
  const looked = Math.min(dataset.length, reach)
  const step = Math.max(1, looked / count)
  for (let place = 0; place < looked; place += step) {
    const image = await readOrBroken(dataset, Math.floor(place))
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
