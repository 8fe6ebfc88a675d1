import { golden } from "@vitrine/golden"
import { describe, expect, it } from "vitest"
import {
  firstConvolution,
  initializeViT,
  keyFromSeed,
  parameterCount,
  patchGrid,
  patchPixels,
  tokenCount,
  VitrineError,
  type ViTConfig,
  vitVariant,
  vitConfig,
  vitParameters,
} from "../src/index.ts"

const count = (config: ViTConfig): number => parameterCount(vitParameters(config))

describe("parameter counts are the published ones", () => {
  for (const [name, thousand, many, preLogits] of [
    ["Ti/16", 5717416, 9740115, 9777171],
    ["S/16", 22050664, 30075219, 30223059],
    ["B/16", 86567656, 102595923, 103186515],
    ["B/32", 88224232, 104252499, 104843091],
    ["L/16", 304326632, 325690707, 326740307],
    ["L/32", 306535400, 0, 0],
    ["H/14", 632045800, 658745683, 660385363],
  ] as const)
    it(name, () => {
      expect(count(vitVariant(name))).toBe(thousand)
      if (many === 0) return
      const config = vitVariant(name, { classes: 21843 })
      expect(count(config)).toBe(many)
      expect(count({ ...config, preLogits: { dim: config.dim, activation: "tanh" } })).toBe(preLogits)
    })

  it("B/16 with global average pooling", () => {
    expect(count(vitVariant("B/16", { pool: "average" }))).toBe(86566120)
  })
  it("timm's test_vit", () => {
    const fields = { imageSize: [160, 160], dim: 64, depth: 6, heads: 2, mlpDim: 192 } as const
    expect(count(vitConfig(fields))).toBe(371240)
  })
  it("a fixed table is not learned, and neither is what is not there", () => {
    const tiny = vitVariant("Ti/16")
    const table = tokenCount(tiny) * 192
    expect(count(vitVariant("Ti/16", { positions: "sincos2d" }))).toBe(count(tiny) - table)
    expect(count(vitVariant("Ti/16", { positions: "none" }))).toBe(count(tiny) - table)
    expect(count(vitVariant("Ti/16", { classes: 0 }))).toBe(count(tiny) - 193 * 1000)
  })
})

describe("names and shapes are timm's", () => {
  const models: readonly { name: string; variant: string; config: ViTConfig; parameters: number; shapes: object }[] =
    golden("variants").json.variants
  for (const { name, config, parameters, shapes, variant: known } of models)
    it(`${name} (${config.pool})`, () => {
      const ours = vitParameters(vitConfig(config))
      const first = ours.filter((each) => !/^blocks\.([1-9]|\d\d)/.test(each.name))
      expect(Object.fromEntries(first.map((each) => [each.name, each.shape]))).toEqual(shapes)
      expect(parameterCount(ours)).toBe(parameters)
      expect(vitVariant(known, { pool: config.pool })).toEqual(vitConfig(config))
    })
})

describe("hybrids", () => {
  const hybrids: readonly { variant: string; parameters: number; shapes?: object }[] =
    golden("hybrid-variants").json.variants
  for (const { variant: name, parameters, shapes } of hybrids)
    it(`${name} has timm's parameters`, () => {
      const ours = vitParameters(vitVariant(name))
      expect(parameterCount(ours)).toBe(parameters)
      if (shapes === undefined) return
      const outside = ours.filter((each) => !each.name.startsWith("blocks."))
      expect(Object.fromEntries(outside.map((each) => [each.name, each.shape]))).toEqual(shapes)
    })
  it("have a grid of features, rounded up", () => {
    const config = vitVariant("R26+ViT-S/32", { imageSize: [225, 97] })
    expect(patchGrid(config)).toEqual([8, 4])
    expect(patchPixels(config)).toEqual([225 / 8, 97 / 4])
    expect(firstConvolution(config)).toBe("patch_embed.backbone.stem.conv")
    expect(firstConvolution(vitVariant("R+Ti/16"))).toBe("patch_embed.backbone.conv")
    expect(firstConvolution(vitVariant("Ti/16"))).toBe("patch_embed.proj")
  })
  it("take other fields", () => {
    const config = vitVariant("R+Ti/16", { imageSize: [32, 32], patchSize: [2, 2], dim: 96 })
    expect([tokenCount(config), config.stem?.depths, config.dim]).toEqual([17, [], 96])
  })
  for (const name of ["R+Ti/32", "R26+S/16", "R101+L/32"])
    it(`are not known by "${name}"`, () => {
      expect(() => vitVariant(name)).toThrow(
        /: hybrids are "R\+(Ti|S|L)\/16", "R26\+(Ti|S|L)\/32", "R50\+(Ti|S|L)\/16", "R50\+(Ti|S|L)\/32"$/,
      )
    })
  it("start with blocks that are their shortcuts", () => {
    const config = vitConfig({
      imageSize: [16, 16],
      patchSize: [1, 1],
      stem: { width: 4, depths: [1], groups: 2, numerics: "timm" },
      dim: 8,
      depth: 1,
      heads: 2,
      mlpDim: 8,
    })
    const start = initializeViT(vitParameters(config), config, "timm", keyFromSeed(0))
    const at = "patch_embed.backbone.stages.0.blocks.0"
    expect([...(start[`${at}.norm3.weight`] ?? [])]).toEqual(Array.from({ length: 16 }, () => 0))
    expect([...(start[`${at}.norm2.weight`] ?? [])]).toEqual([1, 1, 1, 1])
    const kernel = start[`${at}.conv2.weight`] as Float32Array
    const variance = kernel.reduce((sum, x) => sum + x * x, 0) / kernel.length
    expect(variance).toBeGreaterThan((2 / 36) * 0.6)
    expect(variance).toBeLessThan((2 / 36) * 1.6)
  })
})

describe("variant", () => {
  it("takes any patch size, and other fields", () => {
    const config = vitVariant("ViT-Ti/4", { imageSize: [32, 32], classes: 10 })
    expect(patchGrid(config)).toEqual([8, 8])
    expect(tokenCount(config)).toBe(65)
    expect(config.dim).toBe(192)
    expect(vitVariant("B/16")).toEqual(vitConfig())
  })
  for (const name of ["", "B", "B16", "X/16", "B/0x10", "B/", "/16", "b/16", "B/16 ", "B/99999", "constructor/16"])
    it(`does not know "${name}"`, () => {
      expect(() => vitVariant(name)).toThrow(
        `no variant "${name}": write SIZE/PATCH, as in "B/16", with a size of Ti, S, B, L, H, g, G, or a name of timm's, as in "vit_tiny_patch16_224"`,
      )
    })
})

const rotary = {
  kind: "rotary",
  pairs: "neighbours",
  axes: "xy",
  centres: false,
  offset: 0,
  reference: null,
  frequencies: "fixed",
  temperature: 100,
  table: false,
} as const

describe("rotary positions", () => {
  const small = { imageSize: [16, 24], patchSize: [8, 8], dim: 24, depth: 2, heads: 3, mlpDim: 24 } as const
  it("have no parameters, unless their frequencies are learned or a table stands beside them", () => {
    const names = (fields: Partial<typeof rotary> | object): string[] =>
      vitParameters(vitConfig({ ...small, positions: { ...rotary, ...fields } })).map(({ name }) => name)
    const plain = names({})
    expect(plain.filter((name) => /rope|pos_embed/.test(name))).toEqual([])
    expect(names({ table: true }).filter((name) => !plain.includes(name))).toEqual(["pos_embed"])
    expect(names({ frequencies: "learned" }).filter((name) => !plain.includes(name))).toEqual(["rope.freqs"])
  })
  it("start with learned frequencies of the same sizes along two axes at right angles", () => {
    const config = vitConfig({ ...small, positions: { ...rotary, frequencies: "learned", temperature: 10 } })
    const freqs = initializeViT(vitParameters(config), config, "fan", keyFromSeed(0))["rope.freqs"] as Float32Array
    const half = 4
    const rows = config.depth * config.heads
    for (let row = 0; row < rows; row++) {
      const at = (axis: number, i: number): number => freqs[(axis * rows + row) * half + i] as number
      for (const i of [0, 1, 2, 3]) expect(Math.hypot(at(0, i), at(1, i))).toBeCloseTo(10 ** (-(i % 2) / 2), 6)
      expect(at(0, 0) * at(0, 2) + at(1, 0) * at(1, 2)).toBeCloseTo(0, 6)
    }
    const first = Array.from({ length: rows }, (_, row) => freqs[row * half])
    expect(new Set(first).size).toBe(rows)
  })
})

describe("a configuration that describes no model", () => {
  const stem = { width: 64, depths: [], groups: 32, numerics: "timm" }
  const broken: readonly (readonly [object, string])[] = [
    [{ heads: 5 }, "heads must divide dim, but 5 heads do not divide a width of 768"],
    [{ depth: 1e9 }, "depth must be an integer from 1 to 1024, got 1000000000"],
    [{ depth: 0 }, "depth must be an integer from 1 to 1024, got 0"],
    [{ dim: Number.NaN }, "dim must be an integer from 1 to 65536, got NaN"],
    [{ dim: 1.5 }, "dim must be an integer from 1 to 65536, got 1.5"],
    [{ dim: "768" }, 'dim must be an integer from 1 to 65536, got "768"'],
    [{ mlpDim: Number.POSITIVE_INFINITY }, "mlpDim must be an integer from 1 to 1048576, got Infinity"],
    [{ mlpDim: null }, "mlpDim must be an integer from 1 to 1048576, got null"],
    [{ classes: -1 }, "classes must be an integer from 0 to 4194304, got -1"],
    [{ channels: 0 }, "channels must be an integer from 1 to 1024, got 0"],
    [{ imageSize: 224 }, "imageSize must be [height, width], got 224"],
    [{ imageSize: [224] }, "imageSize must be [height, width], got [224]"],
    [{ imageSize: null }, "imageSize must be [height, width], got null"],
    [{ imageSize: [230, 224] }, "patches of 16×16 do not divide images of 230×224"],
    [{ patchSize: [0, 16] }, "patchSize must be an integer from 1 to 16384, got 0"],
    [
      { imageSize: [16384, 16384], patchSize: [1, 1] },
      "16384×16384 images in 1×1 patches make more than 1048576 tokens",
    ],
    [{ stem: 5 }, "stem must be an object or null, got 5"],
    [{ stem: { ...stem, width: 0 } }, "stem.width must be an integer from 1 to 65536, got 0"],
    [{ stem: { ...stem, root: "5x5" } }, 'stem.root must be one of 7x7, 3x3, got "5x5"'],
    [{ stem: { ...stem, groups: 5 } }, "stem.groups must divide stem.width, but 5 do not divide 64"],
    [{ stem: { ...stem, depths: [1, 0] } }, "stem.depths must be an integer from 1 to 1024, got 0"],
    [{ stem: { ...stem, depths: 3 } }, "stem.depths must be a list of up to 8 stages, got 3"],
    [{ stem: { ...stem, numerics: "torch" } }, 'stem.numerics must be one of google, timm, got "torch"'],
    [{ stem, patchSize: [5, 5] }, "patches of 5×5 do not divide features of 56×56"],
    [{ pool: "max" }, 'pool must be one of token, average, map, token+average, got "max"'],
    [{ positions: "rope" }, 'positions must be one of learned, sincos2d, none, got "rope"'],
    [{ positions: { ...rotary, kind: "rope" } }, 'positions.kind must be one of rotary, got "rope"'],
    [{ positions: { ...rotary, pairs: "half" } }, 'positions.pairs must be one of halves, neighbours, got "half"'],
    [{ positions: { ...rotary, axes: "yx" } }, 'positions.axes must be one of ij, xy, got "yx"'],
    [{ positions: { ...rotary, table: 1 } }, "positions.table must be one of true, false, got 1"],
    [{ positions: { ...rotary, temperature: 0 } }, "positions.temperature must be above 0, got 0"],
    [{ positions: { ...rotary, offset: Number.NaN } }, "positions.offset must be from -1024 to 1024, got NaN"],
    [{ positions: { ...rotary, reference: [16] } }, "positions.reference must be [rows, columns] or null, got [16]"],
    [{ positions: { ...rotary, reference: [0, 4] } }, "positions.reference must be an integer from 1 to 16384, got 0"],
    [
      { positions: { ...rotary, centres: true, reference: [4, 4] } },
      "positions.reference must be null where centres is true",
    ],
    [
      { positions: { ...rotary, frequencies: "learned", offset: 1 } },
      "learned frequencies turn neighbours, by coordinates from 0 without a reference",
    ],
    [{ positions: rotary, dim: 720, heads: 8 }, "rotary positions need heads of a multiple of 4, got 90"],
    [{ mapPool: { heads: 8, mlpDim: 64 } }, 'mapPool needs pool "map", got "token"'],
    [
      { pool: "map", mapPool: { heads: 5, mlpDim: 64 } },
      "mapPool.heads must divide dim, but 5 heads do not divide a width of 768",
    ],
    [{ splitGate: true }, "splitGate is true, but gatedMlp is false"],
    [{ blockKind: "double" }, 'blockKind must be one of sequential, paired, joint, got "double"'],
    [{ blockKind: "joint", gatedMlp: true }, 'blockKind "joint" has no gatedMlp'],
    [{ blockKind: "paired", postNorm: true }, 'blockKind "paired" has no postNorm'],
    [{ activation: "swish" }, 'activation must be one of gelu, gelu_tanh, quick_gelu, relu, silu, got "swish"'],
    [{ classToken: 1 }, "classToken must be one of true, false, got 1"],
    [{ classToken: false }, 'pool "token" needs a class token, but classToken is false'],
    [{ pool: "token+average", classToken: false }, 'pool "token+average" needs a class token, but classToken is false'],
    [{ finalNorm: false, normAfterPool: true }, "normAfterPool is true, but finalNorm is false"],
    [{ registers: -1 }, "registers must be an integer from 0 to 1024, got -1"],
    [{ gatedMlp: 0 }, "gatedMlp must be one of true, false, got 0"],
    [{ layerScale: "1e-5" }, 'layerScale must be a number or null, got "1e-5"'],
    [{ layerScale: Number.NaN }, "layerScale must be a number or null, got NaN"],
    [
      { distillationToken: true, pool: "average", classToken: true },
      'a distillation token needs pool "token", the final norm before it and linear heads',
    ],
    [{ positions: "sincos2d", dim: 18, heads: 3 }, "sincos2d positions need a width divisible by 4, got 18"],
    [{ preLogits: { dim: 0, activation: "tanh" } }, "preLogits.dim must be an integer from 1 to 65536, got 0"],
    [{ preLogits: {} }, "preLogits.dim must be an integer from 1 to 65536, got undefined"],
    [{ preLogits: undefined }, "preLogits.dim must be an integer from 1 to 65536, got undefined"],
    [{ preLogits: { dim: 8, activation: "gelu" } }, 'preLogits.activation must be one of tanh, relu, got "gelu"'],
    [{ dropout: 1 }, "dropout must be in [0, 1), got 1"],
    [{ dropout: "0.1" }, 'dropout must be in [0, 1), got "0.1"'],
    [{ attentionDropout: Number.NaN }, "attentionDropout must be in [0, 1), got NaN"],
    [{ stochasticDepth: -0.1 }, "stochasticDepth must be in [0, 1), got -0.1"],
    [{ layerNormEpsilon: 0 }, "layerNormEpsilon must be in (0, 1), got 0"],
    [{ layerNormEpsilon: "1e-6" }, 'layerNormEpsilon must be in (0, 1), got "1e-6"'],
  ]
  for (const [fields, message] of broken)
    it(message, () => {
      const start = performance.now()
      let error: unknown
      try {
        vitConfig(fields)
      } catch (thrown) {
        error = thrown
      }
      expect(VitrineError.isInstance(error)).toBe(true)
      expect(error).toMatchObject({ kind: "config", message })
      expect(performance.now() - start).toBeLessThan(500)
    })
})
