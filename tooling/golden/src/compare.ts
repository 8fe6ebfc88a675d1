import type { GoldenTensor } from "./tensors.ts"

/** The largest difference, as a share of the largest expected value, or of 0.01 where all are smaller: some are 0. */
export function apart(actual: ArrayLike<number>, { data }: Pick<GoldenTensor, "data">): number {
  let [delta, largest] = [0, 0]
  data.forEach((value, i) => {
    delta = Math.max(delta, Math.abs(value - (actual[i] as number)))
    largest = Math.max(largest, Math.abs(value))
  })
  return delta / Math.max(largest, 0.01)
}
