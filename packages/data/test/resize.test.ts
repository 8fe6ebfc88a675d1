import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { cropImage, type Image, type Interpolation, resizeImage } from "../src/index.ts"
import { plainPasses } from "../src/resize/plain.ts"
import { wasmPasses } from "../src/resize/wasm.ts"
import { difference, equal, golden, imageOf, type Stored } from "./golden.ts"
import { type LargeCase, largeImage, sha256Of } from "./large.ts"

const filters: Interpolation[] = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
const { inputs, cases } = golden<{ inputs: Stored[]; cases: (Stored & { input: number; filter: Interpolation })[] }>(
  "resize.json",
)
const large = golden<LargeCase[]>("resize-large.json")

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
      expect(difference(expected.data, got.data), `${source.width}×${source.height} to ${width}×${height}`).toEqual(
        equal(expected.data),
      )
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

const anyImage: fc.Arbitrary<Image> = fc
  .record({
    width: fc.integer({ min: 1, max: 70 }),
    height: fc.integer({ min: 1, max: 40 }),
    channels: fc.constantFrom(1 as const, 3 as const, 4 as const),
    seed: fc.nat(),
  })
  .map(({ width, height, channels, seed }) => {
    let state = seed
    const data = Uint8Array.from({ length: width * height * channels }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0
      return state >>> 24
    })
    return { width, height, channels, data }
  })

test("WebAssembly gives the bytes of plain TypeScript", () => {
  expect(wasmPasses()).not.toBe(plainPasses)
  const extent = fc.integer({ min: 1, max: 90 })
  fc.assert(
    fc.property(anyImage, extent, extent, fc.constantFrom(...filters), (image, width, height, filter) => {
      const plain = resizeImage(image, width, height, filter, undefined, plainPasses)
      const wasm = resizeImage(image, width, height, filter, undefined, wasmPasses())
      expect(difference(plain.data, wasm.data)).toEqual(equal(plain.data))
    }),
    { numRuns: 300 },
  )
})

test("a window is a crop of the whole result", () => {
  const fraction = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(
      anyImage,
      fc.constantFrom(...filters),
      fc.array(fraction, { minLength: 6, maxLength: 6 }),
      (image, filter, f) => {
        const at = (i: number, n: number): number => Math.floor((f[i] as number) * n * 0.999)
        const width = 1 + at(0, 60)
        const height = 1 + at(1, 60)
        const x = at(2, width)
        const y = at(3, height)
        const window = { x, y, width: 1 + at(4, width - x), height: 1 + at(5, height - y) }
        const whole = cropImage(resizeImage(image, width, height, filter), window)
        expect(resizeImage(image, width, height, filter, window)).toEqual(whole)
      },
    ),
    { numRuns: 300 },
  )
})

test("WebAssembly gives the numbers of plain TypeScript, with the bits of each operation in 32 bits", () => {
  const source = Uint8Array.from({ length: 771 }, (_, i) => i % 256)
  for (const channels of [1, 3]) {
    const scales = { mean: [0.485, 0.456, 0.406].slice(0, channels), std: [0.229, 0.224, 0.225].slice(0, channels) }
    const [plain, wasm] = [plainPasses, wasmPasses()].map((passes) => {
      const out = new Float32Array(source.length + 3).fill(-1)
      passes.normalize(source, scales, out, 2)
      return out
    })
    expect(wasm).toEqual(plain)
    expect([plain?.at(1), plain?.at(-1)]).toEqual([-1, -1])
  }
  const one = new Float32Array(1)
  wasmPasses().normalize(Uint8Array.of(77), { mean: [0.485], std: [0.229] }, one, 0)
  const { fround } = Math
  expect(one[0]).toBe(fround(fround(fround(77 / 255) - fround(0.485)) / fround(0.229)))
})
