import { keyFromSeed, ops, parameterCount, rootScope, VitrineError } from "@vitrine/core"
import { golden } from "@vitrine/golden"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type BiTConfig, bitConfig, bitVariant, initializeBiT, bitParameters, bitFeatures } from "../src/index.ts"

const small = { stemWidth: 8, widths: [32, 64], depths: [1, 2], groups: 4, classes: 3, imageSize: [20, 24] } as const

describe("published variants", () => {
  const { classes, variants } = golden("bit-variants").json
  it.each(variants as { variant: string; parameters: number; shapes?: Record<string, number[]> }[])(
    "$variant has timm's parameters",
    ({ variant, parameters: expected, shapes }) => {
      const parameters = bitParameters(bitVariant(variant, { classes }))
      expect(parameterCount(parameters)).toBe(expected)
      if (shapes !== undefined)
        expect(Object.fromEntries(parameters.map(({ name, shape }) => [name, shape]))).toEqual(shapes)
    },
  )

  it.each(["R50", "R51x1", "R50x0", "r50x1", "R50x1x1"])("%s is none", (name) => {
    expect(() => bitVariant(name)).toThrow(/as in "R50x1"/)
  })
})

describe("bitConfig", () => {
  it.each<[Partial<Record<keyof BiTConfig, unknown>>, RegExp]>([
    [{ imageSize: [224] }, /^imageSize must be \[height, width\], got \[224\]$/],
    [{ imageSize: [224, 0] }, /^imageSize must be an integer from 1/],
    [{ channels: 0 }, /^channels must be an integer from 1/],
    [{ classes: -1 }, /^classes must be an integer from 0/],
    [{ widths: [] }, /^widths must have a number for each of 1 to 16 stages, got \[\]$/],
    [{ depths: [1, 2] }, /^widths tells of 4 stages, but depths of 2/],
    [{ depths: [1, 2, 0, 1] }, /^depths must be an integer from 1/],
    [{ groups: 48 }, /^groups must divide stemWidth, but 48 do not divide 64$/],
    [{ widths: [256, 512, 1000, 2048] }, /^groups must divide a quarter of each of widths, but 32 do not divide 1000/],
    [{ middles: [64] }, /^middles must have a number for each of 4 stages, got \[64\]$/],
    [{ middles: [64, 128, 250, 512] }, /^groups must divide widths and middles, but 32 do not divide 250$/],
    [{ middles: [64, 128, 0, 512] }, /^middles must be an integer from 1/],
    [{ weightEpsilon: Number.NaN }, /^weightEpsilon must be in \(0, 1\), got NaN$/],
    [{ groupNormEpsilon: "1" }, /^groupNormEpsilon must be in \(0, 1\), got "1"$/],
  ])("refuses %j", (fields, message) => {
    const make = (): BiTConfig => bitConfig(fields as Partial<BiTConfig>)
    expect(make).toThrow(VitrineError)
    expect(make).toThrow(message)
  })
})

it("halves the image at the root twice and at each stage but the first, rounding up", () => {
  const side = fc.integer({ min: 1, max: 200 })
  fc.assert(
    fc.property(side, side, fc.integer({ min: 1, max: 4 }), (height, width, stages) => {
      const widths = Array.from({ length: stages }, () => 16)
      const config = bitConfig({
        imageSize: [height, width],
        stemWidth: 4,
        widths,
        depths: widths.map(() => 1),
        groups: 4,
      })
      const x = bitFeatures(rootScope(), ops.input("images", ["batch", height, width, 3]), config)
      const halved = (n: number): number => Math.ceil(n / 2 ** (stages + 1))
      expect(x.shape).toEqual(["batch", halved(height), halved(width), 16])
    }),
    { numRuns: 50 },
  )
})

it("parameters start as timm's do, from the key and their names alone", () => {
  const parameters = bitParameters(bitConfig({ ...small, stemWidth: 32, classes: 100 }))
  const values = initializeBiT(parameters, keyFromSeed(3))
  const deviation = (name: string): number => {
    const x = values[name] as Float32Array
    return Math.sqrt(x.reduce((total, v) => total + v * v, 0) / x.length)
  }
  expect(Object.keys(values)).toEqual(parameters.map(({ name }) => name))
  expect(deviation("stem.conv.weight")).toBeCloseTo(Math.sqrt(2 / (32 * 49)), 2)
  expect(deviation("stages.1.blocks.0.conv2.weight") / Math.sqrt(2 / (16 * 9))).toBeCloseTo(1, 1)
  expect(deviation("head.fc.weight")).toBeCloseTo(0.01, 3)
  expect(new Set(values["norm.weight"])).toEqual(new Set([1]))
  expect(new Set(values["head.fc.bias"])).toEqual(new Set([0]))
  expect(initializeBiT(parameters.slice(-2), keyFromSeed(3))["head.fc.weight"]).toEqual(values["head.fc.weight"])
  expect(initializeBiT(parameters, keyFromSeed(4))["head.fc.weight"]).not.toEqual(values["head.fc.weight"])
})
