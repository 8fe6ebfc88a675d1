import { expect, test } from "vitest"
import { bestCheckpoint } from "../src/index.ts"

const best = (...checkpoints: readonly (readonly [score: number | null, loss: number | null])[]): number | undefined =>
  bestCheckpoint(checkpoints.map(([score, loss], step) => ({ step, score, loss })))?.step

test("the best checkpoint has the highest score, then the lowest loss, then the latest step", () => {
  expect(best([0.5, 1], [0.9, 2], [0.8, 0.1])).toBe(1)
  expect(best([1, 0.7], [1, 0.2], [1, 0.3])).toBe(1)
  expect(best([1, 0.2], [1, 0.2])).toBe(1)
  expect(best([null, null], [null, 0.1])).toBeUndefined()
})

test("of checkpoints of older runs, whose losses nobody wrote down, the first of equal scores stays", () => {
  expect(best([1, null], [1, null])).toBe(0)
  expect(best([1, null], [1, 0.1])).toBe(0)
})
