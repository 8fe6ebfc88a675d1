import { readFileSync } from "node:fs"
import { VitrineError } from "@vitrine/core"
import { golden, goldenPath } from "@vitrine/golden"
import { bitConfig, bitParameters } from "@vitrine/resnet"
import { describe, expect, it } from "vitest"
import { readBiTWeights, openNpzArchive, memorySource, parameterReader, toFloat32, type Weights } from "../src/index.ts"
import { roundedMiddles, roundedWidth } from "../src/families/bit/widths.ts"

const names = ["bit-odd", "bit-square"]
const open = (name: string): Promise<Weights> =>
  openNpzArchive(memorySource(readFileSync(goldenPath(`${name}.npz`)), `${name}.npz`))

/** timm's own weights of a golden file. */
function timmWeights(name: string): Weights {
  const tensors = Object.entries(golden(name).tensors).filter(([key]) => key.startsWith("param."))
  const all = new Map(tensors.map(([key, { shape, data }]) => [key.slice(6), { dtype: "F32" as const, shape, data }]))
  return {
    tensors: [...all].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    read: async (name) => all.get(name) as Awaited<ReturnType<Weights["read"]>>,
  }
}

describe.each(names)("%s", (name) => {
  const { config } = golden(name).json
  const options = { imageSize: config.imageSize, groups: config.groups }

  it.each([
    ["Google's", open, 1e-10],
    ["timm's", async (each: string) => timmWeights(each), 1e-8],
  ] as const)("is read from %s names, with its widths, blocks and classes", async (_, weightsOf, weightEpsilon) => {
    const weights = await weightsOf(name)
    const model = readBiTWeights(weights, name, options)
    expect(model.config).toEqual(bitConfig({ ...config, weightEpsilon }))
    const [read, own] = [parameterReader(weights, model.sources), timmWeights(name)]
    expect([...model.sources.keys()].toSorted()).toEqual(own.tensors.map((tensor) => tensor.name).toSorted())
    for (const parameter of model.sources.keys())
      expect(await read(parameter), parameter).toEqual(toFloat32(await own.read(parameter)))
  })
})

it("blocks whose middle is no quarter of their width are read as they are, and rounded as timm rounds them", () => {
  const widths = [96, 152, 208]
  expect(roundedMiddles(widths)).toEqual({ middles: [24, 40, 56] })
  expect(roundedMiddles([256, 512])).toEqual({})
  // timm's make_divisible of 18 is 24, for 16 is less than nine tenths of it.
  expect([18, 20, 38, 3, 64].map(roundedWidth)).toEqual([24, 24, 40, 8, 64])
  const fields = { stemWidth: 16, widths, middles: [24, 40, 56], depths: [1, 2, 1], groups: 8, classes: 3 } as const
  const config = bitConfig({ ...fields, weightEpsilon: 1e-8 })
  const tensors = bitParameters(config).map(({ name, shape }) => ({ name, shape, dtype: "F32" as const }))
  expect(readBiTWeights({ tensors }, "x", { groups: 8 }).config).toEqual(config)
})

it("weights without a head are a model without classes", () => {
  const { config } = golden("bit-features").json
  const model = readBiTWeights(timmWeights("bit-features"), "x", { imageSize: config.imageSize, groups: config.groups })
  expect(model.config).toEqual(bitConfig(config))
})

describe("weights that are none of BiT's", () => {
  const { tensors } = timmWeights("bit-square")
  const { groups } = golden("bit-square").json.config
  const altered = (
    change: (name: string, shape: readonly number[]) => readonly number[] | null,
  ): Pick<Weights, "tensors"> => ({
    tensors: tensors.flatMap((tensor) => {
      const shape = change(tensor.name, tensor.shape)
      return shape === null ? [] : [{ ...tensor, shape }]
    }),
  })
  it.each<[string, Pick<Weights, "tensors">, RegExp]>([
    ["another model", { tensors: [] }, /holds no ResNet of BiT's/],
    ["a hole", altered((name, shape) => (name === "norm.bias" ? null : shape)), /missing: "norm.bias"/],
    [
      "a matrix",
      altered((name, shape) => (name === "stem.conv.weight" ? [16, 147] : shape)),
      /is \[16, 147\], no convolution/,
    ],
    [
      "another middle",
      altered((name, shape) => (name.endsWith("0.blocks.0.conv2.weight") ? [9, 9, 3, 3] : shape)),
      /wrong shape/,
    ],
    ["no stages", altered((name, shape) => (name.startsWith("stages.") ? null : shape)), /widths must have a number/],
  ])("%s is refused", (_, weights, message) => {
    expect(() => readBiTWeights(weights, "x.npz", { groups })).toThrow(VitrineError)
    expect(() => readBiTWeights(weights, "x.npz", { groups })).toThrow(message)
  })
})
