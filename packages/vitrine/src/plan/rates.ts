import type { Rates } from "./machine.ts"
import type { StepWork } from "./time.ts"

/** The work of a step, and the processor seconds that it took. */
export interface MeasuredStep {
  readonly work: StepWork
  readonly seconds: number
}

/** The most that a rate can be: work that takes no measurable time. */
const fastest = 1e15

/**
 * The rates that explain measured steps best: those with the least squares of relative errors, and none of them negative.
 * @param steps steps with different shares of products, convolutions and other ops, at least six
 */
export function fitRates(steps: readonly MeasuredStep[]): Rates {
  const scales = [1e9, 1e9, 1e9, 1e3, 1, 1]
  const rows = steps.map(({ work: { products, convolutions, bytes, nodes, cuts }, seconds }) =>
    [products, convolutions, bytes, nodes, 1, cuts].map((n, i) => n / (scales[i] ?? 1) / seconds),
  )
  const [product = 0, convolution = 0, byte = 0, node = 0, step = 0, cut = 0] = nonNegative(rows)
  const rate = (seconds: number): number => (seconds > 0 ? Math.min(fastest, 1e9 / seconds) : fastest)
  return { products: rate(product), convolutions: rate(convolution), bytes: rate(byte), node: node / 1e3, step, cut }
}

/** The x ≥ 0 for which all of Σ row · x are nearest to 1, one coordinate after the other. */
function nonNegative(rows: readonly (readonly number[])[]): number[] {
  const x = Array.from({ length: rows[0]?.length ?? 0 }, () => 0)
  const squares = x.map((_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0) ** 2, 0))
  for (let pass = 0; pass < 20_000; pass++)
    for (const i of x.keys()) {
      const square = squares[i] ?? 0
      if (square === 0) continue
      let slope = 0
      for (const row of rows) slope += (row[i] ?? 0) * (1 - row.reduce((sum, a, j) => sum + a * (x[j] ?? 0), 0))
      x[i] = Math.max(0, (x[i] ?? 0) + slope / square)
    }
  return x
}
