import { numbers, type StoredTensor } from "@vitrine/archive"

/** Statistics of the finite values of a tensor; null where there are none. */
export interface ValueStatistics {
  readonly min: number | null
  readonly max: number | null
  readonly mean: number | null
  /** The standard deviation of the population: the divisor is the count, not one less. */
  readonly std: number | null
  /** The number of values that are NaN or infinite. The other statistics ignore them. */
  readonly nonFinite: number
}

/**
 * The least, the greatest, the mean and the standard deviation of a tensor's values, and the count of those that are
 * not finite.
 */
export function valueStatistics(tensor: StoredTensor): ValueStatistics {
  const values = numbers(tensor)
  let min = Infinity
  let max = -Infinity
  let sum = 0
  let count = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (!Number.isFinite(value)) continue
    count++
    sum += value
    if (value < min) min = value
    if (value > max) max = value
  }
  const nonFinite = values.length - count
  if (count === 0) return { min: null, max: null, mean: null, std: null, nonFinite }
  const mean = sum / count
  let squares = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (Number.isFinite(value)) squares += (value - mean) ** 2
  }
  return { min, max, mean, std: Math.sqrt(squares / count), nonFinite }
}
