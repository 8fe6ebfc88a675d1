import { describe, expect, test } from "vitest"
import { roundTo } from "../src/rounding.ts"

/** The values of all finite patterns from 0 on, by their definition. */
const halves = Array.from({ length: 0x7c00 }, (_, word) => {
  const exponent = word >> 10
  const fraction = word & 0x3ff
  return exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
})
const brains = Array.from({ length: 0x7f80 }, (_, word) => {
  const exponent = word >> 7
  const fraction = word & 0x7f
  return exponent === 0 ? fraction * 2 ** -133 : (1 + fraction / 128) * 2 ** (exponent - 127)
})

describe.each([
  ["float16", halves],
  ["bfloat16", brains],
] as const)("%s", (dtype, values) => {
  test("keeps what it can hold", () => {
    for (const value of values) expect(Object.is(roundTo(dtype, value), value)).toBe(true)
  })

  test("rounds to the nearest, and from the middle to the even one", () => {
    for (let word = 1; word < values.length; word++) {
      const [low, high] = [values[word - 1] as number, values[word] as number]
      const middle = (low + high) / 2
      const quarter = (high - low) / 4
      expect(roundTo(dtype, middle - quarter)).toBe(low)
      expect(roundTo(dtype, middle + quarter)).toBe(high)
      expect(roundTo(dtype, middle)).toBe(word % 2 === 0 ? high : low)
      expect(0 - roundTo(dtype, -middle)).toBe(word % 2 === 0 ? high : low)
    }
  })

  test("has infinity and no number", () => {
    expect(roundTo(dtype, 3.4e38)).toBe(Number.POSITIVE_INFINITY)
    expect(roundTo(dtype, Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY)
    expect(roundTo(dtype, Number.NaN)).toBeNaN()
  })
})

test("float16 overflows halfway to the next power of two", () => {
  expect(roundTo("float16", 65519.99)).toBe(65504)
  expect(roundTo("float16", 65520)).toBe(Number.POSITIVE_INFINITY)
})

test("integers and truth", () => {
  expect([2.9, -2.9].map((x) => roundTo("int32", x))).toEqual([2, -2])
  expect([0, 0.1, -3].map((x) => roundTo("bool", x))).toEqual([0, 1, 1])
})
