import type { GoldenTensor } from "./tensors.ts"

/**
 * The largest difference divided by the largest expected value, or by 0.01 if that is smaller, since some values are 0.
 */
export function apart(actual: ArrayLike<number>, { data }: Pick<GoldenTensor, "data">): number {
  let [delta, largest] = [0, 0]
  data.forEach((value, i) => {
    delta = Math.max(delta, Math.abs(value - (actual[i] as number)))
    largest = Math.max(largest, Math.abs(value))
  })
  return delta / Math.max(largest, 0.01)
}
