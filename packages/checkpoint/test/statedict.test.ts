import { type ViTConfig, VitrineError, vitConfig, vitParameters } from "@vitrine/core"
import { golden, goldenNames } from "@vitrine/golden"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { architectures } from "../src/families/vit/architectures.ts"
import { fromTimmConfig, imageModel, type ModelHints, readStateDict, type WeightTensor } from "../src/index.ts"
import { fault } from "./support.ts"

const header = (parameters: readonly { name: string; shape: readonly number[] }[]): { tensors: WeightTensor[] } => ({
  tensors: parameters.map(({ name, shape }) => ({ name, shape, dtype: "F32" })),
})
const read = (config: ViTConfig, hints: ModelHints = {}): ReturnType<typeof readStateDict> =>
  readStateDict(header(vitParameters(config)), "w.safetensors", hints)
const errorOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    expect(VitrineError.isInstance(error)).toBe(true)
    return (error as Error).message
  }
  throw new Error("nothing was thrown")
}

describe("every kind of model is known by its shapes", () => {
  test.each(goldenNames("vit-"))("%s", (name) => {
    const config = vitConfig(golden(name).json.config)
    const { heads, activation, layerNormEpsilon, imageSize, pool } = config
    const hint = pool === "average" || pool === "token" ? { pool } : {}
    const found = (): ViTConfig => read(config, { heads, activation, layerNormEpsilon, imageSize, ...hint }).config
    // Rotary models have no table of positions either, and nothing else that tells them apart.
    if (config.positions === "none")
      return expect(errorOf(found)).toMatch(/vit_base_patch16_rope_224, which has rotary/)
    // EVA has such names too, and a plain model has those of one with norms behind its layers.
    if (name === "vit-beit3") return expect(errorOf(found)).toMatch(/rotary positions \(Eva\)/)
    if (name === "vit-post-norm") return expect(errorOf(found)).toMatch(/rpn_224, which has norms behind its layers/)
    // Neither what LayerScale starts from nor which tokens are averaged is in the weights, nor the width of no head.
    const { layerScale, poolPrefix } = found()
    const untold = name === "vit-token-average-features" ? { pool: "token" as const } : {}
    expect(found()).toEqual({ ...config, layerScale, poolPrefix, ...untold })
    expect(layerScale === null).toBe(config.layerScale === null)
  })
})

describe("published models are known by their shapes, or ask", () => {
  test.each([...architectures.keys()])("%s", async (name) => {
    const { config } = await fromTimmConfig({ architecture: name }, name)
    const parameters = header(imageModel(config).parameters)
    try {
      const found = readStateDict(parameters, "w.safetensors", {}).config
      const { heads, activation, layerNormEpsilon, poolPrefix } = config as ViTConfig
      expect(found).toMatchObject({ heads, activation, layerNormEpsilon, poolPrefix })
    } catch (error) {
      const { message } = error as Error
      if (/^beit3|_rpn_/.test(name))
        return expect(message).toMatch(/^w\.safetensors: may be .*\(--arch NAME, its name in timm\)/)
      expect(message).toMatch(
        /^w\.safetensors: the weights do not tell the (number of heads|activation) \(.* in .*, .* in .*\): say it \(--|has \d+ positions, which can be grids of patches in two ways: .*\(--image-size HxW\)/,
      )
    }
  })

  test("such as these", async () => {
    const taken = async (name: string): Promise<readonly string[] | undefined> =>
      read((await fromTimmConfig({ architecture: name }, name)).config as ViTConfig).notes
    const taken224 = (name: string, untold: string): readonly string[] => [
      `has no config.json: taken for ${name} with ${untold}, at 224×224, its images for timm's usual ones; no tensor tells these`,
    ]
    expect(await taken("vit_base_patch16_384")).toEqual(
      taken224(
        "vit_base_patch16_224",
        "12 heads, gelu, ε = 0.000001, the class token as features, norms before the layers",
      ),
    )
    expect(await taken("vit_giant_patch14_reg4_dinov2")).toEqual(
      taken224("vit_giant_patch14_reg4_dinov2", "24 heads, silu, ε = 0.000001, the class token as features"),
    )
    expect(await taken("vit_huge_patch14_xp_224")).toEqual(
      taken224("vit_huge_patch14_xp_224", "gelu, ε = 0.000001, the class token as features"),
    )
    expect((await taken("vit_small_plus_patch16_dinov3"))?.[0]).toMatch(
      /with 6 heads, silu, ε = 0\.00001, .*, coordinates in the order ij, pairs of halves, a temperature of 100, coordinates of centres, at 256×256/,
    )
    expect(await fault(taken("vit_base_patch16_siglip_gap_224"))).toBe(
      "w.safetensors: the weights do not tell the number of heads (16 in vit_base_patch16_gap_224, 12 in vit_base_patch16_siglip_gap_512): say it (--num-heads)",
    )
    expect(await fault(taken("vit_large_patch14_clip_224"))).toMatch(/do not tell the activation \(gelu in .*, quick_/)
  })
})

describe("names", () => {
  const config = vitConfig({
    imageSize: [8, 8],
    patchSize: [4, 4],
    dim: 8,
    depth: 2,
    heads: 2,
    mlpDim: 16,
    layerScale: 1,
  })
  const renamed = (rename: (name: string) => string): ReturnType<typeof readStateDict> =>
    readStateDict(
      header(vitParameters(config).map(({ name, shape }) => ({ name: rename(name), shape }))),
      "w.safetensors",
      { heads: 2 },
    )
  test.each<[string, (name: string) => string]>([["a prefix", (name) => `module.${name}`]])(
    "with %s are understood",
    (_, rename) => {
      const found = renamed(rename)
      expect(found.config).toEqual({ ...config, layerScale: 1e-5 })
      for (const [name, { from }] of found.sources) expect(from).toEqual([rename(name)])
    },
  )
  test("of two models in one file are refused, naming both prefixes", () => {
    const copies =
      (...prefixes: readonly string[]): (() => unknown) =>
      () =>
        readStateDict(
          header(
            prefixes.flatMap((prefix) =>
              vitParameters(config).map(({ name, shape }) => ({ name: prefix + name, shape })),
            ),
          ),
          "w",
          { heads: 2 },
        )
    for (const [first, second] of [
      ["model.", "model_ema."],
      ["student.backbone.", "teacher.backbone."],
      ["", "ema."],
    ] as const)
      expect(errorOf(copies(first, second))).toBe(
        `w: holds two models, under "${first}" and "${second}": keep the tensors of one`,
      )
  })

  test("of DeiT III's repository are, where it is said that they are not a rotary model's", () => {
    const own = vitConfig({ ...config, imageSize: [12, 12], prefixPositions: false })
    const tensors = header(
      vitParameters(own).map(({ name, shape }) => ({ name: name.replace(/ls(\d)\.gamma/, "gamma_$1"), shape })),
    )
    const as = (architecture?: string): ReturnType<typeof readStateDict> =>
      readStateDict(tensors, "w", { heads: 2, architecture, imageSize: [12, 12] })
    expect(as("deit3_small_patch16_224").config).toEqual({ ...own, layerScale: 1e-6 })
    expect(as("deit3_small_patch16_224").sources.get("blocks.0.ls1.gamma")?.from).toEqual(["blocks.0.gamma_1"])
    expect(errorOf(() => as())).toBe(
      "w: may be deit3_small_patch16_224 or vit_base_patch16_rope_ape_224, which has rotary positions, by the names and shapes of its tensors: say which it is (--arch NAME, its name in timm), or give its config.json",
    )
    expect(errorOf(() => as("flexivit_base"))).toMatch(
      /^w: is no flexivit_base: by its tensors layerScale is true, and/,
    )
  })

  test("of DINOv2's own are those of its models", async () => {
    for (const name of ["vit_small_patch14_dinov2", "vit_base_patch14_reg4_dinov2", "vit_giant_patch14_reg4_dinov2"]) {
      const config = (await fromTimmConfig({ architecture: name, num_classes: 0 }, name)).config as ViTConfig
      const { dim, imageSize, heads, gatedMlp, prefixPositions, registers } = config
      const own = vitParameters(config).map(({ name, shape }) => {
        const renamed = name.replace(/^reg_token$/, "register_tokens")
        return {
          name: gatedMlp ? renamed.replace("fc1", "w12").replace("fc2", "w3") : renamed,
          // There is a row for the class token.
          shape: name === "pos_embed" && !prefixPositions ? shape.with(1, (shape[1] as number) + 1) : shape,
        }
      })
      const found = readStateDict(header([...own, { name: "mask_token", shape: [1, dim] }]), "w", {})
      expect(found.config).toEqual(config)
      expect(found.preprocessing).toMatchObject({ size: imageSize, mean: [0.485, 0.456, 0.406] })
      expect(found.notes?.[0]).toContain(`taken for ${name} with ${heads} heads`)
      expect(found.positionMethod).toBe(registers > 0 ? "timm" : "huggingface")
    }
  })

  test("that are missing, misshapen or too many are told", () => {
    expect(errorOf(() => readStateDict(header([]), "w", {}))).toBe(
      `w: holds no Vision Transformer under timm's names: "patch_embed.proj.weight" is missing`,
    )
    expect(errorOf(() => renamed((name) => (name === "norm.bias" ? "other" : name)))).toMatch(
      /missing: "norm\.bias"; unexpected: "other"$/,
    )
    const flat = header([{ name: "patch_embed.proj.weight", shape: [8, 48] }])
    expect(errorOf(() => readStateDict(flat, "w", {}))).toBe(
      'w: tensor "patch_embed.proj.weight" is [8, 48]; expected 4 sizes',
    )
  })
})

describe("the grid", () => {
  const model = { patchSize: [4, 4], dim: 8, depth: 1, heads: 2, mlpDim: 16 } as const
  test.each<[Partial<ViTConfig>, ModelHints["imageSize"], Partial<ViTConfig> | RegExp]>([
    [{ imageSize: [16, 16] }, undefined, { imageSize: [16, 16], prefixPositions: true }],
    // 5 × 5 patches, or 4 × 6 and the class token.
    [{ imageSize: [20, 20], prefixPositions: false }, undefined, /has 25 positions, which can be .* in two ways/],
    [{ imageSize: [16, 24] }, undefined, /has 25 positions, which can be .* in two ways/],
    [{ imageSize: [20, 20], prefixPositions: false }, [20, 20], { imageSize: [20, 20], prefixPositions: false }],
    [{ imageSize: [16, 24] }, [16, 24], { imageSize: [16, 24], prefixPositions: true }],
    // Positions of another size are for resizing.
    [{ imageSize: [16, 16] }, [8, 32], { imageSize: [16, 16], prefixPositions: true }],
    [{ imageSize: [8, 24] }, [8, 24], { imageSize: [8, 24], prefixPositions: true }],
    [{ imageSize: [8, 24], prefixPositions: false }, [8, 24], { imageSize: [8, 24], prefixPositions: false }],
    [{ imageSize: [12, 20] }, [12, 20], { imageSize: [12, 20], prefixPositions: true }],
    [{ imageSize: [8, 24] }, [8, 8], /has 13 positions, which are no square of patches: say for which image size/],
    [{ imageSize: [8, 24] }, undefined, /has 13 positions, which are no square of patches: .* \(--image-size HxW\)$/],
    [{ imageSize: [12, 12], registers: 4, prefixPositions: false }, undefined, /in two ways: say for which image size/],
    [
      { imageSize: [12, 12], registers: 4, prefixPositions: false },
      [12, 12],
      { imageSize: [12, 12], prefixPositions: false },
    ],
    [{ imageSize: [8, 8], registers: 4 }, [8, 8], { imageSize: [8, 8], prefixPositions: true }],
    [{ imageSize: [8, 8], positions: "none" }, [8, 12], /may be a model such as timm's vit_base_patch16_rope_224/],
  ])("%j and %j give %j", (fields, imageSize, expected) => {
    const config = vitConfig({ ...model, ...fields })
    const found = (): ViTConfig => read(config, { heads: 2, imageSize }).config
    if (expected instanceof RegExp) expect(errorOf(found)).toMatch(expected)
    else expect(found()).toMatchObject(expected)
  })
})

test("any shapes at all are read or refused", () => {
  const sound = vitParameters(
    vitConfig({ imageSize: [8, 8], patchSize: [4, 4], dim: 8, depth: 1, heads: 2, mlpDim: 16, qkNorm: true }),
  )
  const size = fc.oneof(fc.nat({ max: 20 }), fc.constantFrom(2 ** 31, 2 ** 53 - 1))
  const shapes = fc.dictionary(
    fc.constantFrom(...sound.map(({ name }) => name), "reg_token", "attn_pool.latent", "dist_token"),
    fc.array(size, { maxLength: 5 }),
    { maxKeys: 4 },
  )
  fc.assert(
    fc.property(shapes, fc.option(fc.integer({ min: -1, max: 9 }), { nil: undefined }), (changed, heads) => {
      const all = new Map([...sound.map(({ name, shape }) => [name, shape] as const), ...Object.entries(changed)])
      const tensors = Array.from(all, ([name, shape]) => ({ name, shape }))
      try {
        readStateDict(header(tensors), "w", { heads })
      } catch (error) {
        if (!VitrineError.isInstance(error)) throw error
      }
    }),
    { numRuns: 500 },
  )
})

test.each([
  ["rope_embed.periods", "Meta's own DINOv3"],
  ["storage_tokens", "Meta's own DINOv3"],
  ["visual.transformer.resblocks.0.ln_1.weight", "CLIP of OpenAI and OpenCLIP and Meta's own Perception Encoder"],
])("weights with %s are called by their repository", (tensor, models) => {
  const config = vitConfig({ imageSize: [8, 8], patchSize: [4, 4], dim: 8, depth: 1, heads: 2, mlpDim: 16 })
  const parameters = vitParameters(config).map(({ name, shape }) => ({ name, shape }))
  expect(errorOf(() => readStateDict(header([...parameters, { name: tensor, shape: [8] }]), "w", { heads: 2 }))).toBe(
    `w: has "${tensor}", a name of ${models}: take timm's or transformers' copy of the model`,
  )
})

test("a tensor without values is passed over", () => {
  const config = vitConfig({ imageSize: [8, 8], patchSize: [4, 4], dim: 8, depth: 1, heads: 2, mlpDim: 16 })
  const parameters = vitParameters(config).map(({ name, shape }) => ({ name, shape }))
  const empty = { name: "register_tokens_of_none", shape: [1, 0, 8] }
  expect(readStateDict(header([...parameters, empty]), "w", { heads: 2 }).config).toEqual(config)
})
