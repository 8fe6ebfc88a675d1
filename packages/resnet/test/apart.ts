import type { HostData } from "@vitrine/core"
import type { GoldenTensor } from "@vitrine/golden"

/** The largest difference, as a share of the largest expected value, or of 0.01 where all are smaller. */
export function apart(actual: HostData, { data }: GoldenTensor): number {
  let [delta, largest] = [0, 0]
  data.forEach((value, i) => {
    delta = Math.max(delta, Math.abs(value - (actual[i] as number)))
    largest = Math.max(largest, Math.abs(value))
  })
  return delta / Math.max(largest, 0.01)
}
