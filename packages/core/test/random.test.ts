import { golden } from "@vitrine/golden"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { dropoutMask, foldKey, type Key, keyFromSeed, permutation, randomStream, threefry } from "../src/index.ts"

const { json } = golden("threefry")

describe("threefry", () => {
  it("gives the known answers of Random123", () => {
    expect(threefry([0, 0], 0, 0)).toEqual([0x6b200159, 0x99ba4efe])
    expect(threefry([0xffffffff, 0xffffffff], 0xffffffff, 0xffffffff)).toEqual([0x1cb996fc, 0xbb002be7])
    expect(threefry([0x13198a2e, 0x03707344], 0x243f6a88, 0x85a308d3)).toEqual([0xc4923a9c, 0x483df7a0])
  })
  it("gives JAX's words", () => {
    for (const { key, counter, words } of json.threefry) expect(threefry(key, counter[0], counter[1])).toEqual(words)
  })
})

describe("keys", () => {
  it("of seeds are JAX's", () => {
    for (const { seed, key } of json.keys) expect(keyFromSeed(seed)).toEqual(key)
  })
  it("fold as JAX's fold_in", () => {
    for (const { seed, by, key } of json.folds) expect(foldKey(keyFromSeed(seed), by)).toEqual(key)
  })
  it("hold large seeds, and no others than integers", () => {
    expect(keyFromSeed(2 ** 53 - 1)).toEqual([2 ** 21 - 1, 2 ** 32 - 1])
    expect(new Set([0, 1, 2 ** 32, 2 ** 32 + 1].map((seed) => keyFromSeed(seed).join())).size).toBe(4)
    for (const seed of [0.5, Number.NaN, 2 ** 53]) expect(() => keyFromSeed(seed)).toThrow(`got ${seed}`)
  })
  it("fold one part after another, each making a difference", () => {
    const key = keyFromSeed(1)
    expect(foldKey(key, "a", 2)).toEqual(foldKey(foldKey(key, "a"), 2))
    const paths: (string | number)[][] = [
      [],
      ["a"],
      ["b"],
      ["ab"],
      ["a", "b"],
      ["b", "a"],
      [1],
      ["1"],
      [0],
      [""],
      [2 ** 32],
    ]
    expect(new Set(paths.map((path) => foldKey(key, ...path).join())).size).toBe(paths.length)
  })
})

describe("a stream", () => {
  const draws = <T>(n: number, draw: () => T): T[] => Array.from({ length: n }, draw)
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const variance = (values: number[]): number => {
    const centre = mean(values)
    return mean(values.map((v) => (v - centre) ** 2))
  }

  it("is uniform in [0, 1)", () => {
    const values = draws(40_000, randomStream(keyFromSeed(7)).uniform)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...values)).toBeLessThan(1)
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(0.006)
    expect(Math.abs(variance(values) - 1 / 12)).toBeLessThan(0.002)
    const cells = new Array<number>(20).fill(0)
    for (const v of values) cells[Math.floor(v * 20)]!++
    const chi2 = cells.reduce((total, n) => total + (n - 2000) ** 2 / 2000, 0)
    expect(chi2).toBeLessThan(43.8) // 99.9 % of χ² with 19 degrees of freedom
  })
  it("is normal", () => {
    const values = draws(40_000, randomStream(keyFromSeed(8)).normal)
    expect(values.every(Number.isFinite)).toBe(true)
    expect(Math.abs(mean(values))).toBeLessThan(0.02)
    expect(Math.abs(variance(values) - 1)).toBeLessThan(0.03)
    expect(Math.abs(mean(values.map((v) => v ** 4)) - 3)).toBeLessThan(0.3)
    expect(Math.abs(values.filter((v) => Math.abs(v) < 1).length / 40_000 - 0.6827)).toBeLessThan(0.01)
  })
  it("gives integers below n, all of them", () => {
    const values = draws(7000, () => randomStream(keyFromSeed(1)).integer(1))
    expect(new Set(values)).toEqual(new Set([0]))
    const { integer } = randomStream(keyFromSeed(9))
    const counts = new Array<number>(7).fill(0)
    for (let i = 0; i < 7000; i++) counts[integer(7)]!++
    expect(counts.length).toBe(7)
    expect(Math.min(...counts)).toBeGreaterThan(850)
  })
  it("is the words of threefry in order, over blocks of any size", () => {
    const key: Key = [11, 12]
    const { uniform } = randomStream(key)
    for (let counter = 0; counter < 700; counter++)
      for (const word of threefry(key, 0, counter)) expect(uniform()).toBe(word / 2 ** 32)
  })
  it("is the same for the same key and another for another", () => {
    const first = draws(5, randomStream(keyFromSeed(1)).uniform)
    expect(draws(5, randomStream(keyFromSeed(1)).uniform)).toEqual(first)
    expect(draws(5, randomStream(keyFromSeed(2)).uniform)).not.toEqual(first)
  })
})

describe("permutation", () => {
  it("holds every integer once", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(1000), (n, seed) => {
        const order = permutation(keyFromSeed(seed), n)
        expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i))
      }),
    )
  })
  it("is decided by the key, and every order is as likely as another", () => {
    expect(permutation([1, 2], 50)).toEqual(permutation([1, 2], 50))
    const counts = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const order = permutation(foldKey([0, 0], i), 3).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const n of counts.values()) expect(Math.abs(n - 1000)).toBeLessThan(120)
  })
})

describe("a dropout mask", () => {
  const mask = (key: Key, rate: number, size: number): Float64Array => {
    const out = new Float64Array(size)
    dropoutMask(key, rate, out)
    return out
  }
  it("keeps each entry with probability 1 − rate, and the mean", () => {
    for (const rate of [0.1, 0.5, 0.9]) {
      const values = mask(foldKey([0, 0], rate * 10), rate, 50_000)
      const dropped = values.filter((v) => v === 0).length / values.length
      expect(Math.abs(dropped - rate)).toBeLessThan(0.008)
      expect(new Set(values)).toEqual(new Set([0, 1 / (1 - rate)]))
      expect(Math.abs(values.reduce((a, b) => a + b, 0) / values.length - 1)).toBeLessThan(0.05)
    }
  })
  it("takes 16 bits of threefry's words an entry, the lower ones first, over blocks of any size", () => {
    const [key, rate]: [Key, number] = [[21, 22], 0.25]
    const values = mask(key, rate, 20_003)
    values.forEach((value, i) => {
      const word = threefry(key, 0, i >>> 2)[(i >>> 1) % 2] as number
      const half = i % 2 === 0 ? word & 0xffff : word >>> 16
      if (value !== (half < 2 ** 14 ? 0 : 4 / 3)) throw new Error(`entry ${i}`)
    })
  })
  it("is all ones at rate 0", () => {
    expect(new Set(mask([3, 4], 0, 1001))).toEqual(new Set([1]))
  })
  it("does not depend on how much of it is made", () => {
    expect(mask([5, 6], 0.3, 9)).toEqual(mask([5, 6], 0.3, 1000).slice(0, 9))
  })
  it("is independent from path to path", () => {
    const [a, b] = [mask(foldKey([1, 1], "a"), 0.5, 20_000), mask(foldKey([1, 1], "b"), 0.5, 20_000)]
    const both = a.filter((v, i) => v === b[i]).length / 20_000
    expect(Math.abs(both - 0.5)).toBeLessThan(0.015)
  })
})
