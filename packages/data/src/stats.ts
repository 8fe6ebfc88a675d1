import { VitrineError } from "@vitrine/core"
import type { Dataset } from "./dataset.ts"
import { histogram } from "./histogram.ts"

/** Mean and standard deviation of each channel, in [0, 1], over the pixels of the first `n` images. */
export async function meanStd(dataset: Dataset, n = 10_000): Promise<{ mean: number[]; std: number[] }> {
  if (!(n >= 1)) throw new VitrineError("config", `meanStd needs at least one image, got ${n}`)
  // Counts of byte values are exact, whatever the order.
  const counts = Array.from({ length: dataset.channels }, () => new Float64Array(256))
  for (let index = 0; index < Math.min(n, dataset.length); index++) {
    const { data, channels } = await dataset.read(index)
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
