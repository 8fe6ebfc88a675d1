import { describe, expect, test } from "vitest"
import { pairwise, treeFold } from "../src/sum-order.ts"

const join = (a: string, b: string): string => `(${a} ${b})`
const leaves = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`)

/** What accumulators hold in the end, as the text of the sums that were made. */
function accumulated(count: number): string {
  const { levels, merges } = pairwise(count)
  const held: (string | undefined)[] = Array.from({ length: levels })
  const put = (level: number, value: string): void => {
    const before = held[level]
    held[level] = before === undefined ? value : join(before, value)
  }
  for (const [i, leaf] of leaves(count).entries()) {
    put(0, leaf)
    for (let level = 0; level < (merges[i] ?? 0); level++) {
      const value = held[level]
      held[level] = undefined
      if (value !== undefined) put(level + 1, value)
    }
  }
  expect(held.slice(0, -1).every((value) => value === undefined)).toBe(true)
  return held.at(-1) ?? ""
}

describe("the order of sums", () => {
  const counts = Array.from({ length: 130 }, (_, i) => i + 1)

  test("accumulators make the sums of the tree, for any number of values", () => {
    for (const count of counts) expect(accumulated(count)).toBe(treeFold(leaves(count), join))
    expect(accumulated(6)).toBe("(((0 1) 2) ((3 4) 5))")
  })

  test("a power of two of equal blocks of neighbours are nodes of the tree", () => {
    for (const blocks of [2, 4, 8])
      for (const count of counts.filter((n) => n % blocks === 0)) {
        const size = count / blocks
        const each = Array.from({ length: blocks }, (_, i) => leaves(count).slice(i * size, (i + 1) * size))
        const sums = each.map((block) => treeFold(block, join))
        expect(treeFold(sums, join)).toBe(treeFold(leaves(count), join))
      }
  })

  test("takes as many accumulators as there are powers of two", () => {
    expect([1, 2, 3, 4, 5, 8, 9, 64].map((count) => pairwise(count).levels)).toEqual([1, 1, 2, 2, 3, 3, 4, 6])
  })

  test("sums numbers in the order of the tree", () => {
    const values = [1, 2 ** 53, 1, -(2 ** 53)]
    expect(pairwise(4).sum(values)).toBe(1 + 2 ** 53 + (1 - 2 ** 53))
    expect(pairwise(3).sum([0.1, 0.2, 0.3])).toBe(0.1 + 0.2 + 0.3)
  })
})
