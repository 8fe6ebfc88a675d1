import { golden } from "@vitrine/golden"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Assignment, assignment } from "../src/index.ts"

const { json, tensors } = golden("assignment")

function total(cost: ArrayLike<number>, columns: number, { rows, columns: chosen }: Assignment): number {
  return rows.reduce((sum, row, i) => sum + (cost[row * columns + (chosen[i] as number)] as number), 0)
}

describe("the least cost is scipy's", () => {
  for (const problem of json.problems as { name: string; total: number | null }[])
    test(problem.name, () => {
      const { shape, data: stored } = tensors[problem.name] as { shape: [number, number]; data: Float64Array }
      const data = stored.map((cost) => (cost === json.forbidden ? Infinity : cost))
      if (problem.total === null)
        expect(() => assignment(data, ...shape)).toThrow("forbidden pairs leave no assignment")
      else {
        const found = total(data, shape[1], assignment(data, ...shape))
        expect(Math.abs(found - problem.total)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(problem.total)))
      }
    })
})

/** The least cost of all assignments, tried one by one; Infinity where there is none. */
function tried(cost: readonly number[], rows: number, columns: number): number {
  if (rows > columns) {
    const turned = Array.from({ length: rows * columns }, (_, i) => cost[(i % rows) * columns + Math.floor(i / rows)])
    return tried(turned as number[], columns, rows)
  }
  const best = (row: number, used: number): number => {
    if (row === rows) return 0
    let least = Infinity
    for (let j = 0; j < columns; j++)
      if ((used & (1 << j)) === 0)
        least = Math.min(least, (cost[row * columns + j] as number) + best(row + 1, used | (1 << j)))
    return least
  }
  return best(0, 0)
}

test("no other assignment costs less, with ties and forbidden pairs", () => {
  const problem = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })).chain(([rows, columns]) => {
    const cost = fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: -3, max: 3 }) },
      { weight: 1, arbitrary: fc.constant(Infinity) },
      { weight: 1, arbitrary: fc.double({ min: -5, max: 5, noNaN: true }) },
    )
    const costs = fc.array(cost, { minLength: rows * columns, maxLength: rows * columns })
    return fc.tuple(fc.constant(rows), fc.constant(columns), costs)
  })
  fc.assert(
    fc.property(problem, ([rows, columns, costs]) => {
      const least = tried(costs, rows, columns)
      if (least === Infinity) {
        expect(() => assignment(costs, rows, columns)).toThrow("forbidden")
        return
      }
      const found = assignment(costs, rows, columns)
      const pairs = Math.min(rows, columns)
      expect(found.rows).toHaveLength(pairs)
      expect(new Set(found.rows).size).toBe(pairs)
      expect(new Set(found.columns).size).toBe(pairs)
      expect([...found.rows]).toEqual([...found.rows].sort((a, b) => a - b))
      expect(total(costs, columns, found)).toBeCloseTo(least, 9)
    }),
    { numRuns: 400 },
  )
})

test("what is no cost is named", () => {
  expect(() => assignment([1, 2, 3, Number.NaN], 2, 2)).toThrow("the cost of row 1 and column 1 is NaN")
  expect(() => assignment([-Infinity, 2], 1, 2)).toThrow("row 0 and column 0 is -Infinity")
  expect(() => assignment([1, 2, 3], 2, 2)).toThrow("3 costs are not 2 rows of 2")
})
