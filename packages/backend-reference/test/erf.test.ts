import { expect, test } from "vitest"
import { erf } from "../src/erf.ts"

// Python's math.erf.
const known = [
  [1e-300, 1.1283791670955126e-300],
  [1e-8, 1.1283791670955126e-8],
  [0.1, 0.1124629160182849],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [1.5, 0.9661051464753108],
  [2, 0.9953222650189527],
  [2.4999, 0.9995928300996666],
  [2.5, 0.999593047982555],
  [3, 0.9999779095030014],
  [4, 0.9999999845827421],
  [5, 0.9999999999984626],
  [5.9, 0.9999999999999999],
  [7, 1],
  [Number.POSITIVE_INFINITY, 1],
] as const

test.each(known)("erf(%d)", (x, value) => {
  expect(Math.abs(erf(x) - value)).toBeLessThanOrEqual(1e-14 * value)
  expect(erf(-x)).toBe(-erf(x))
})

test("zero and what is no number", () => {
  expect(erf(0)).toBe(0)
  expect(erf(Number.NaN)).toBeNaN()
})
