import { axialPositions, keyFromSeed, tokenCount, vitConfig, vitVariant } from "@vitrine/core"
import { bitConfig, bitVariant } from "@vitrine/resnet"
import { describe, expect, test } from "vitest"
import {
  attentionConfig,
  attentionOf,
  families,
  familyOf,
  familyOfRecipe,
  imageModel,
  type ModelConfig,
  resizeWeights,
  storedConfig,
  toTimmConfig,
} from "../src/index.ts"
import { fault } from "./support.ts"

const small = { imageSize: [32, 32], classes: 3 } as const
const vit = vitVariant("Ti/16", { ...small, depth: 1 })
const hybrid = vitVariant("R+Ti/16", { ...small, depth: 1 })
const bit = bitConfig({ ...small, widths: [128], depths: [1], weightEpsilon: 1e-8 })
const preprocessing = {
  size: small.imageSize,
  interpolation: "bilinear",
  cropPct: 1,
  cropMode: "center",
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
} as const

describe("a configuration says its family", () => {
  test.each<[ModelConfig, string, string]>([
    [vit, "Vision Transformer", "ViT"],
    [hybrid, "Vision Transformer", "hybrid"],
    [bit, "ResNet", "BiT"],
  ])("%#: %s", (config, label, kind) => {
    const family = familyOf(config)
    expect(family.label).toBe(label)
    expect(family.describe(config).kind).toBe(kind)
    const { parameters } = imageModel(config)
    const values = family.initialize(parameters, config, family.recipes.initScheme, keyFromSeed(1))
    expect(Object.keys(values)).toEqual(parameters.map(({ name }) => name))
    expect(parameters.map(({ name }) => name)).toContain(`${family.firstConvolution(config)}.weight`)
  })

  test("and one that names none, or another, is refused", async () => {
    const other: object = { ...bit, family: "other" }
    await expect(async () => familyOf({ ...bit, ...other })).rejects.toThrow(
      /^family must be one of vit, bit.*, got "other"$/,
    )
    expect(() => vitConfig({ ...vit, ...other })).toThrow(/^family must be one of vit, got "other"$/)
    expect(() => bitConfig({ ...bit, ...other })).toThrow(/^family must be bit, got "other"$/)
  })
})

test("fields of a table are those of its configuration", () => {
  expect([...families.vit.fields].sort()).toEqual(Object.keys(vitConfig()).sort())
  expect([...families.bit.fields].sort()).toEqual([...Object.keys(bitConfig()), "middles"].sort())
})

test("attention is what a Vision Transformer has", () => {
  expect(attentionOf(hybrid)).toBe(hybrid)
  expect(attentionOf(bit)).toBeNull()
  expect(attentionOf(vitConfig({ ...vit, blockKind: "joint" }))).not.toBeNull()
  expect(attentionOf(vitConfig({ ...vit, blockKind: "paired" }))).toBeNull()
  expect(() => attentionConfig(bit, "the figure distance")).toThrow(
    /^the figure distance is for Vision Transformers whose blocks have one attention, and the model is a ResNet$/,
  )
})

test("rotary positions need no weights at another image size, but for a table beside them", async () => {
  const read = (): Float32Array => new Float32Array(tokenCount(beside) * beside.dim)
  const rotary = vitConfig({ ...vit, positions: axialPositions })
  expect(await resizeWeights(rotary, vitConfig({ ...rotary, imageSize: [32, 64] }), read)).toEqual({})
  const beside = vitConfig({ ...vit, positions: { ...axialPositions, table: true } })
  const larger = vitConfig({ ...beside, imageSize: [32, 64] })
  const { pos_embed } = await resizeWeights(beside, larger, read)
  expect(pos_embed).toHaveLength(tokenCount(larger) * larger.dim)
})

test("weights of one family are none for another", async () => {
  const read = (): Float32Array => {
    throw new Error("nothing is resized")
  }
  expect(await resizeWeights(vit, bit, read)).toEqual({})
  expect(await resizeWeights(bit, bit, read)).toEqual({})
})

test.each<[string | undefined, object, string]>([
  ["B/16", {}, "vit"],
  ["R50+L/32", {}, "vit"],
  ["R50x1", {}, "bit"],
  [undefined, { dim: 96 }, "vit"],
  [undefined, { widths: [64] }, "bit"],
  [undefined, { depths: [1] }, "bit"],
  [undefined, { family: "bit" }, "bit"],
  ["no variant", {}, "vit"],
])("a recipe of %s and %j is one for %s", (variant, fields, name) => {
  expect(familyOfRecipe(variant, fields)).toBe(Object.entries(families).find(([each]) => each === name)?.[1])
})

describe("config.json", () => {
  test.each([vit, hybrid, bit])("has the family in vitrine.model alone: $family", async (config) => {
    const { vitrine, ...timms } = await toTimmConfig(config, { preprocessing })
    expect(vitrine.model.family).toBe(config.family)
    expect(JSON.stringify(timms)).not.toMatch(/family|model_type/)
  })

  test.each([vit, hybrid, bit])(
    "of an older version has none, and its architecture tells it: $family",
    async (config) => {
      const { family: _, ...fields } = config
      const { architecture } = await toTimmConfig(config, { preprocessing })
      const json = { architecture, vitrine: { recipe: { config: fields } } }
      expect(storedConfig(fields, "vitrine.recipe.config", json, "c.json")).toEqual(config)
    },
  )

  test.each<[string, unknown, RegExp]>([
    ["no family", {}, /^c\.json: vitrine\.model\.family must be one of vit, bit.*, got ""$/],
    ["another family", { family: "other" }, /^c\.json: vitrine\.model\.family must be one of vit, bit.*, got "other"$/],
    ["another field", { ...vit, widths: [1] }, /^c\.json: vitrine\.model\.widths is not a field of a model$/],
    ["text", { ...vit, depth: "1" }, /^c\.json: vitrine\.model\.depth must be a number, got "1"$/],
    ["a count too large", { ...vit, depth: 1e6 }, /^c\.json: vitrine\.model\.depth must be an integer from 1 to 1024/],
    ["heads that do not divide", { ...vit, heads: 5 }, /^c\.json: vitrine\.model\.heads: heads must divide dim/],
    ["no list", { ...bit, widths: 64 }, /^c\.json: vitrine\.model\.widths must be a list, got 64$/],
    ["nothing", null, /^c\.json: vitrine\.model\.family must be one of vit, bit.*, got ""$/],
  ])("with a configuration of %s is refused by its path", async (_, stored, message) => {
    const read = async (): Promise<unknown> => storedConfig(stored, "vitrine.model", {}, "c.json")
    expect(await fault(read())).toMatch(message)
  })
})

test("variants of a recipe are those of their families", () => {
  expect(families.vit.recipes.variant("B/16", small)).toEqual(vitVariant("B/16", small))
  expect(families.bit.recipes.variant("R50x1", small)).toEqual(bitVariant("R50x1", small))
})
