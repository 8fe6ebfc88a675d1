import { describe, expect, test } from "vitest"
import { type Interpolation, resizeImage } from "../../src/index.ts"
import { plainPasses } from "../../src/resize/plain.ts"
import { wasmPasses } from "../../src/resize/wasm.ts"
import { type LargeCase, largeImage, sha256Of } from "../large.ts"
import { difference, golden, imageOf, type Stored } from "./golden.ts"

const filters: Interpolation[] = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
const { inputs, cases } = await golden<{
  inputs: Stored[]
  cases: (Stored & { input: number; filter: Interpolation })[]
}>("resize.json")
const large = await golden<LargeCase[]>("resize-large.json")

test("WebAssembly SIMD is there", () => {
  expect(wasmPasses()).not.toBe(plainPasses)
})

describe.each([
  ["plain", plainPasses],
  ["wasm", wasmPasses()],
] as const)("resize with %s passes", (_, passes) => {
  test.each(filters)("%s gives Pillow's bytes", (filter) => {
    const chosen = cases.filter((entry) => entry.filter === filter)
    expect(chosen.length).toBeGreaterThan(20)
    for (const { input, height, width, data } of chosen) {
      const source = imageOf(inputs[input] as Stored)
      const expected = imageOf({ height, width, channels: source.channels, data })
      const got = resizeImage(source, width, height, filter, undefined, passes)
      expect(difference(expected.data, got.data), `${source.width}×${source.height} to ${width}×${height}`).toEqual({
        length: expected.data.length,
        count: 0,
        most: 0,
      })
    }
  })

  test.each(filters)("%s gives Pillow's bytes for grey, RGB and RGBA of a photograph's size", async (filter) => {
    const chosen = large.filter((entry) => entry.filter === filter)
    expect(new Set(chosen.map(({ from }) => from[2]))).toEqual(new Set([1, 3, 4]))
    for (const { from, to, sha256 } of chosen) {
      const got = resizeImage(largeImage(from), to[1], to[0], filter, undefined, passes)
      expect(await sha256Of(got.data), `${from} to ${to}`).toBe(sha256)
    }
  })
})
