import type { HostData, HostTensor } from "@vitrine/core"

/** The greatest difference between two float32 computations: `max|Δ| ≤ max(absolute, relative · max|expected|)`. */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

export const float32Tolerance: Tolerance = { absolute: 2e-5, relative: 1e-5 }

/**
 * Says how much `actual` differs from `expected`. Returns undefined if they are close enough. NaN and ±∞ must agree.
 */
export function difference(actual: HostData, expected: HostData, tolerance: Tolerance): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} values instead of ${expected.length}`
  let largest = 0
  for (const value of expected) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value))
  const allowed = Math.max(tolerance.absolute, tolerance.relative * largest)
  let worst = -1
  let worstDelta = allowed
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number]
    if (Object.is(a, e) || a === e) continue
    const delta = Math.abs(a - e)
    if (!Number.isFinite(delta)) return `${a} instead of ${e} at ${i}`
    if (delta > worstDelta) [worst, worstDelta] = [i, delta]
  }
  if (worst < 0) return undefined
  return `${actual[worst]} instead of ${expected[worst]} at ${worst}: ${worstDelta.toExponential(2)} apart, ${allowed.toExponential(2)} allowed`
}

/** @throws Error with a line for every tensor that is missing, has another shape, or is not close enough */
export function expectClose(
  actual: Readonly<Record<string, HostTensor>>,
  expected: Readonly<Record<string, HostTensor>>,
  tolerance: Tolerance = float32Tolerance,
): void {
  const faults = Object.entries(expected).flatMap(([name, { data, shape }]) => {
    const result = actual[name]
    if (result === undefined) return [`${name} is missing`]
    if (result.shape.join() !== shape.join()) return [`${name} is [${result.shape}] instead of [${shape}]`]
    const fault = difference(result.data, data, tolerance)
    return fault === undefined ? [] : [`${name} [${shape}]: ${fault}`]
  })
  const unknown = Object.keys(actual).filter((name) => !Object.hasOwn(expected, name))
  if (unknown.length > 0) faults.push(`unexpected ${unknown.join(", ")}`)
  if (faults.length > 0) throw new Error(faults.join("\n"))
}
