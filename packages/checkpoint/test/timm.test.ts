import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  initializeViT,
  keyFromSeed,
  stemStride,
  type ViTConfig,
  VitrineError,
  vitVariant,
  vitConfig,
  vitParameters,
} from "@vitrine/core"
import fc from "fast-check"
import { afterAll, describe, expect, test } from "vitest"
import { architectures } from "../src/families/vit/architectures.ts"
import { evaArchitectures } from "../src/families/vit/eva-architectures.ts"
import { timm as format } from "../src/families/vit/timm.ts"
import {
  imageModel,
  beyondTimm,
  fromTimmConfig,
  type Preprocessing,
  type StoredTensor,
  toTimmConfig,
} from "../src/index.ts"
import { createRun, readModelFolder } from "../src/node.ts"

const golden = (name: string): string => fileURLToPath(new URL(`golden/files/${name}`, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "vitrine-timm-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const built = JSON.parse(readFileSync(golden("architectures.json"), "utf8")) as {
  cases: {
    json: { architecture: string; model_args: object }
    expected: Partial<ViTConfig>
    /** Of names and shapes. */
    parameters: string
  }[]
  /** By name, what it has that Vitrine does not. */
  refused: Record<string, string>
}

const preprocessing = (config: ViTConfig): Preprocessing => ({
  size: config.imageSize,
  interpolation: "bilinear",
  cropPct: 0.9,
  cropMode: "squash",
  mean: Array.from({ length: config.channels }, () => 0.5),
  std: Array.from({ length: config.channels }, () => 0.25),
})

function errorOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    expect(VitrineError.isInstance(error), String(error)).toBe(true)
    const { message } = error as VitrineError
    expect(message).not.toContain("\n")
    return message
  }
  throw new Error("nothing was thrown")
}

async function fault(action: Promise<unknown>): Promise<string> {
  const error = await action.then(
    () => new Error("nothing was thrown"),
    (e: unknown) => e,
  )
  return errorOf(() => {
    throw error
  })
}

describe("the models that timm builds", () => {
  test.each(built.cases.map((each) => [each.json.architecture, each.json.model_args, each] as const))(
    "%s %j",
    async (name, _, { json, expected, parameters }) => {
      if (/^vit_so400m_patch14_siglip_(gap_)?384$/.test(name)) {
        // timm drops the pixels at the edges; Vitrine wants whole patches.
        expect(await fault(fromTimmConfig(json, "c.json"))).toMatch(/patches of 14×14 do not divide images of 384×384/)
        return
      }
      const { config } = await fromTimmConfig(json, "c.json")
      expect(config).toEqual(vitConfig(expected))
      const lines = imageModel(config).parameters.map((each) => `${each.name} ${each.shape.join("x")}`)
      expect(createHash("sha256").update(lines.sort().join("\n")).digest("hex")).toBe(parameters)
      // What a name alone says is said in other words, if need be.
      const again = await toTimmConfig(config, { preprocessing: preprocessing(config as ViTConfig) })
      expect((await fromTimmConfig({ ...again, vitrine: undefined }, "c.json")).config).toEqual(config)
      expect(await beyondTimm(config)).toEqual([])
    },
  )

  test("are all in the table, and no others", async () => {
    expect([...architectures.keys()].sort()).toEqual([...new Set(built.cases.map((c) => c.json.architecture))].sort())
    for (const architecture of [...Object.keys(built.refused), "resnet50", "toString", ""])
      expect(await fault(fromTimmConfig({ architecture }, "c.json"))).toMatch(
        /^c\.json: architecture ".*" is not one of timm's plain or hybrid Vision Transformers/,
      )
  })

  test("with a tag in the name, and in the older form without pretrained_cfg", async () => {
    const old = { architecture: "vit_small_patch16_384.augreg", input_size: [3, 384, 384], fixed_input_size: true }
    const { config, preprocessing, labels } = await fromTimmConfig(
      { ...old, num_classes: 2, labels: ["a", "b"] },
      "c.json",
    )
    expect(config).toEqual(vitVariant("S/16", { imageSize: [384, 384], classes: 2 }))
    expect(labels).toEqual(["a", "b"])
    expect(preprocessing).toEqual({
      size: [384, 384],
      interpolation: "bicubic",
      cropPct: 0.875,
      cropMode: "center",
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    })
  })
})

test("grey images without statistics get the mean of ImageNet's, as in timm", async () => {
  const { preprocessing } = await fromTimmConfig(
    { architecture: "vit_tiny_patch16_224", model_args: { in_chans: 1 } },
    "c.json",
  )
  expect(preprocessing.mean[0]).toBeCloseTo(0.449, 12)
  expect(preprocessing.std[0]).toBeCloseTo(0.226, 12)
  expect(preprocessing.mean).toHaveLength(1)
})

describe("toTimmConfig", () => {
  const sides = fc.constantFrom(1, 2, 4, 7)
  const configs = fc
    .record({
      grid: fc.tuple(sides, sides),
      patchSize: fc.tuple(sides, sides),
      channels: fc.integer({ min: 1, max: 4 }),
      heads: fc.integer({ min: 1, max: 16 }),
      headDim: fc.integer({ min: 1, max: 100 }),
      depth: fc.integer({ min: 1, max: 50 }),
      mlpDim: fc.integer({ min: 1, max: 9000 }),
      classes: fc.nat({ max: 2000 }),
      classToken: fc.boolean(),
      distillationToken: fc.boolean(),
      registers: fc.nat({ max: 4 }),
      prefixPositions: fc.boolean(),
      pool: fc.constantFrom("token" as const, "average" as const, "map" as const, "token+average" as const),
      poolPrefix: fc.boolean(),
      finalNorm: fc.boolean(),
      normAfterPool: fc.boolean(),
      embeddingNorm: fc.boolean(),
      qkvBias: fc.boolean(),
      projBias: fc.boolean(),
      qkNorm: fc.boolean(),
      layerScale: fc.constantFrom(null, 1e-5, 1),
      gatedMlp: fc.boolean(),
      positions: fc.constantFrom("learned" as const, "none" as const, "sincos2d" as const),
      activation: fc.constantFrom("gelu" as const, "gelu_tanh" as const, "quick_gelu" as const, "silu" as const),
      preLogits: fc.constantFrom(null, { dim: 5, activation: "tanh" as const }),
      dropout: fc.constantFrom(0, 0.1),
      stochasticDepth: fc.constantFrom(0, 0.3),
      layerNormEpsilon: fc.constantFrom(1e-6, 1e-5, 1e-12),
      stem: fc.option(
        fc.record({
          width: fc.constantFrom(32, 64),
          depths: fc.constantFrom([], [3, 4, 9], [1]),
          groups: fc.constantFrom(16, 32),
          numerics: fc.constantFrom("google" as const, "timm" as const),
        }),
      ),
    })
    .map(({ grid, patchSize, headDim, stem, ...fields }) => {
      const distillationToken =
        fields.distillationToken && fields.pool === "token" && !fields.normAfterPool && fields.preLogits === null
      const stride = stem === null ? 1 : stemStride(stem)
      return vitConfig({
        ...fields,
        stem,
        distillationToken,
        normAfterPool: fields.normAfterPool && fields.finalNorm,
        patchSize,
        imageSize: [stride * grid[0] * patchSize[0], stride * grid[1] * patchSize[1]],
        dim: fields.positions === "sincos2d" ? fields.heads * headDim * 4 : fields.heads * headDim,
        classToken: fields.pool.startsWith("token") || fields.classToken,
      })
    })

  test("is read again as the same model", async () => {
    await fc.assert(
      fc.asyncProperty(configs, async (config) => {
        const extra = { preprocessing: preprocessing(config), vitrine: { seed: 7 } }
        const json = JSON.parse(JSON.stringify(await toTimmConfig(config, extra)))
        const { preprocessing: images } = extra
        const expected = { config, preprocessing: images, labels: null, positionMethod: "timm" }
        expect(await fromTimmConfig(json, "c.json")).toEqual(expected)
        expect(json.vitrine.seed).toBe(7)
        // timm reads the same model, but for what is said to be beyond it.
        if ((await beyondTimm(config)).length > 0) return
        const told = (await fromTimmConfig({ ...json, vitrine: undefined }, "c.json")).config
        expect(told).toEqual(config.positions === "sincos2d" ? { ...config, positions: "learned" } : config)
      }),
    )
  })

  test.each<[Partial<ViTConfig>, string[]]>([
    [{}, []],
    [{ distillationToken: true }, []],
    [{ preLogits: { dim: 5, activation: "tanh" } }, ["a hidden layer of 5 before the logits"]],
    [{ pool: "token+average" }, ["a head that reads the class token beside the average"]],
    [{ distillationToken: true, gatedMlp: true }, ["gated MLPs beside a distillation token"]],
    [{ distillationToken: true, registers: 1 }, ["a distillation token beside registers, or without a position"]],
    [{ layerNormEpsilon: 1e-5 }, []],
    [{ layerNormEpsilon: 1e-5, gatedMlp: true }, ["layer norms with ε = 0.00001 beside gated MLPs"]],
    [{ norm: "rms", postNorm: true }, ["RMS norms with ε = 0.000001 beside norms behind the layers"]],
    [{ layerNormEpsilon: 1e-12 }, ["layer norms with ε = 1e-12"]],
    [{ blockKind: "paired", layerScale: null }, []],
    [{ blockKind: "joint", layerScale: 0 }, []],
    [
      { blockKind: "joint", layerScale: null },
      ["layer norms with ε = 0.000001 beside joint layers beside no LayerScale"],
    ],
    [{ blockKind: "joint", layerScale: null, norm: "rms" }, []],
    [vitVariant("R+Ti/16"), []],
    [vitVariant("R26+S/32", { layerNormEpsilon: 1e-5 }), ["layer norms with ε = 0.00001"]],
    [
      vitVariant("R+Ti/16", { stem: { width: 64, depths: [], groups: 32, numerics: "google" } }),
      ["Google's ε in its stem"],
    ],
    [
      { stem: { width: 32, depths: [1, 1], groups: 8, numerics: "timm" }, patchSize: [1, 1], gatedMlp: true },
      ["a stem of 32 channels in 8 groups with 1, 1 blocks", "gated MLPs behind a stem"],
    ],
    [
      vitVariant("R+Ti/16", { stem: { root: "3x3", width: 64, depths: [], groups: 32, numerics: "timm" } }),
      ["a stem of 64 channels in 32 groups with no blocks behind a 3×3 convolution"],
    ],
  ])("of %j leaves out %j", async (fields, expected) => {
    expect(await beyondTimm(vitConfig(fields))).toEqual(expected)
  })

  test.each([1e-12, 1e-5, 1e-6])("of a model with ε = %f is that of timm's nearest model", (layerNormEpsilon) => {
    for (const name of [...architectures.keys(), ...evaArchitectures.keys()]) {
      const published = format.read({ architecture: name, model_args: {}, pretrained: {}, at: "" }, name)
      const config = { ...published, layerNormEpsilon }
      const near = format.nearest(config).config
      if (format.beyond(near).length > 0) continue
      const pretrained = { fixed_input_size: true }
      expect(format.read({ ...format.write(config), pretrained, at: "" }, name), name).toEqual(near)
    }
  })

  test("takes the name of the published model", async () => {
    const config = vitVariant("Ti/16", { classes: 2 })
    const json = await toTimmConfig(config, { preprocessing: preprocessing(config), labels: ["no", "yes"] })
    expect(json.architecture).toBe("vit_tiny_patch16_224")
    const hybrid = vitVariant("R50+L/32", { imageSize: [64, 64] })
    expect((await toTimmConfig(hybrid, { preprocessing: preprocessing(hybrid) })).architecture).toBe(
      "vit_large_r50_s32_224",
    )
    expect(json.model_args).not.toHaveProperty("num_classes")
    expect((await fromTimmConfig(json, "c.json")).labels).toEqual(["no", "yes"])
  })
})

describe("impossible and unknown models", async () => {
  const config = vitVariant("Ti/16", { imageSize: [32, 32], classes: 3 })
  const sound = await toTimmConfig(config, { preprocessing: preprocessing(config) })
  const timm = (args: object, more: object = {}): object => ({
    architecture: "vit_tiny_patch16_224",
    model_args: args,
    ...more,
  })
  const pretrained = (cfg: object): object => ({ ...sound, pretrained_cfg: { ...sound.pretrained_cfg, ...cfg } })
  const own = (model: object): object => ({ ...sound, vitrine: { model: { ...config, ...model } } })
  test.each<[unknown, RegExp]>([
    [null, /must hold an object, got null/],
    [[], /must hold an object, got \[\]/],
    [{ model_type: "vit" }, /has no "architecture"/],
    [{ architecture: 5 }, /architecture must be text, got 5/],
    [timm([]), /model_args must be an object, got \[\]/],
    [timm({ toString: 1 }), /model_args\.toString is not known to Vitrine/],
    [timm({ constructor: 1 }), /model_args must be an object without a field __proto__, constructor, prototype/],
    [timm(JSON.parse('{"__proto__":{"depth":1}}')), /model_args must be an object without a field __proto__/],
    [timm({ num_heads: 5 }), /heads must divide dim, but 5 heads do not divide a width of 192/],
    [timm({ num_heads: 0 }), /heads must be an integer from 1/],
    [timm({ depth: 1e9 }), /depth must be an integer from 1 to 1024, got 1000000000/],
    [timm({ depth: "12" }), /model_args\.depth must be a number, got "12"/],
    [timm({ embed_dim: 1e12 }), /dim must be an integer from 1 to/],
    [timm({ mlp_ratio: -1 }), /mlpDim must be an integer from 1/],
    [timm({ mlp_ratio: 1e300 }), /mlpDim must be an integer from 1/],
    [timm({ patch_size: 0 }), /patchSize must be an integer from 1/],
    [timm({ patch_size: [16, 16, 16] }), /model_args\.patch_size must be a count of pixels or \[height, width\]/],
    [timm({ patch_size: 15 }), /patches of 15×15 do not divide images of 224×224/],
    [timm({ img_size: 1.5 }), /model_args\.img_size must be a count/],
    [timm({ class_token: false }), /pool "token" needs a class token/],
    [timm({ class_token: "yes" }), /model_args\.class_token must be true or false, got "yes"/],
    [timm({ global_pool: "max" }), /model_args\.global_pool must be one of token, avg, map, got "max"/],
    [timm({ act_layer: "mish" }), /model_args\.act_layer must be one of gelu, gelu_tanh, quick_gelu, .*, got "mish"/],
    [timm({ init_values: "1" }), /model_args\.init_values must be a number, got "1"/],
    [timm({ reg_tokens: -1 }), /registers must be an integer from 0 to 1024, got -1/],
    [timm({ qkv_bias: 0 }), /model_args\.qkv_bias must be true or false, got 0/],
    [timm({ scale_attn_norm: 1 }), /model_args\.scale_attn_norm must be true or false, got 1/],
    [timm({ embed_norm_layer: "rmsnorm" }), /does not have a norm after the patch embedding/],
    [timm({ norm_epsilon: 1e-5 }), /model_args\.norm_epsilon is not known/],
    [timm({ distilled: true }), /model_args\.distilled is not known/],
    [
      timm({ mlp_ratio: 1.0008 }, { architecture: "vit_giant_patch14_dinov2" }),
      /mlp_ratio makes 1537 of 1536, but a gated MLP needs an even number/,
    ],
    [
      timm({ global_pool: "avg" }, { architecture: "deit_tiny_distilled_patch16_224" }),
      /a distillation token needs pool "token", the final norm before it and linear heads/,
    ],
    [timm({ norm_layer: "simplenorm" }), /norm_layer must be one of layernorm, rmsnorm, got "simplenorm"/],
    [
      timm({ norm_layer: "rmsnorm" }, { architecture: "aimv2_large_patch14_224" }),
      /model_args\.norm_layer: Vitrine norms patches as tokens, aimv2_large_patch14_224 by its own norm/,
    ],
    [timm({ mlp_layer: "swiglu" }), /does not have another MLP/],
    [timm({ toString: 1 }), /model_args\.toString is not known/],
    [timm({ proj_drop_rate: 1 }), /dropout must be in \[0, 1\), got 1/],
    [timm({}, { num_classes: -1 }), /classes must be an integer from 0/],
    [timm({}, { num_classes: 1e9 }), /classes must be an integer from 0/],
    [pretrained({ input_size: [3, 32] }), /pretrained_cfg\.input_size must be 3 counts/],
    [
      pretrained({ input_size: [3, 64, 64], fixed_input_size: false }),
      /input_size is 64×64, but the model takes 32×32/,
    ],
    [pretrained({ mean: [0, 0] }), /pretrained_cfg\.mean must be 3 numbers, one a channel, got \[0,0\]/],
    [pretrained({ std: [1, 0, 1] }), /pretrained_cfg\.std must be above 0/],
    [pretrained({ crop_pct: 0 }), /pretrained_cfg\.crop_pct must be from 0\.1 to 1, got 0/],
    [pretrained({ interpolation: "random" }), /pretrained_cfg\.interpolation must be one of/],
    [pretrained({ crop_mode: "x" }), /pretrained_cfg\.crop_mode must be one of/],
    [{ ...sound, pretrained_cfg: 1 }, /pretrained_cfg must be an object/],
    [{ ...sound, label_names: ["a", "b", true] }, /label_names of class 2 is true, not text/],
    [{ ...sound, vitrine: { model: [] } }, /vitrine\.model must be an object/],
    [own({ depht: 3 }), /vitrine\.model\.depht is not a field of a model/],
    [own({ depth: 3 }), /vitrine\.model\.depth is 3, but timm's fields say 12/],
    [own({ heads: 5 }), /heads must divide dim/],
    [own({ dropout: "0.1" }), /dropout must be a number, got "0\.1"/],
    [own({ layerNormEpsilon: null }), /layerNormEpsilon must be a number, got null/],
    [own({ preLogits: "x" }), /vitrine\.model\.preLogits must be an object, got "x"/],
  ])("%j", async (json, message) => {
    const found = await fault(fromTimmConfig(json, "c.json"))
    expect(found).toMatch(message)
    expect(found).toMatch(/^c\.json: /)
  })

  test("anything at all is read or refused", async () => {
    const value = fc.jsonValue() as fc.Arbitrary<unknown>
    const keys = fc.constantFrom(...Object.keys(sound.model_args), ...Object.keys(sound.pretrained_cfg), "vitrine")
    await fc.assert(
      fc.asyncProperty(fc.dictionary(keys, value), fc.dictionary(keys, value), value, async (args, cfg, own) => {
        const json = { ...sound, model_args: args, pretrained_cfg: cfg, label_names: own, vitrine: { model: own } }
        try {
          await fromTimmConfig(json, "c.json")
        } catch (error) {
          if (!VitrineError.isInstance(error)) throw error
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe("readModelFolder", () => {
  test.each(["", "config.json", "model.safetensors"])("reads what timm saved, by %j", async (name) => {
    const { config, preprocessing, labels, weights, path } = await readModelFolder(join(golden("timm-folder"), name))
    expect(path).toBe(golden("timm-folder").replace(/\/$/, ""))
    expect(labels).toEqual(["circle", "square", "star"])
    expect(config).toMatchObject({ imageSize: [16, 16], patchSize: [8, 8], dim: 16, depth: 2, heads: 2, mlpDim: 64 })
    expect(preprocessing).toMatchObject({
      size: [16, 16],
      interpolation: "bicubic",
      cropPct: 0.9,
      mean: [0.5, 0.5, 0.5],
    })
    for (const { name: tensor, shape } of imageModel(config).parameters)
      expect((await weights.read(tensor)).shape).toEqual(shape)
    await weights.close()
  })

  const copy = (name: string): string => {
    const path = join(folder, name)
    cpSync(golden("timm-folder"), path, { recursive: true })
    return path
  }

  test("says what is missing or does not fit", async () => {
    const path = copy("broken")
    const json = JSON.parse(readFileSync(join(path, "config.json"), "utf8"))
    const configFile = join(path, "config.json")
    writeFileSync(configFile, JSON.stringify({ ...json, model_args: { ...json.model_args, depth: 3, mlp_ratio: 3 } }))
    expect(await fault(readModelFolder(path))).toMatch(
      /broken\/model\.safetensors: does not hold the model's tensors; missing: "blocks\.2\.norm1\.weight", .* and 9 more; wrong shape: "blocks\.0\.mlp\.fc1\.weight" is \[64, 16\], not \[48, 16\], .* and 3 more$/,
    )
    writeFileSync(configFile, '{"architecture": NaN}')
    expect(await fault(readModelFolder(path))).toMatch(/config\.json: its text is not JSON: /)
    writeFileSync(configFile, "[".repeat(1e6))
    expect(await fault(readModelFolder(path))).toMatch(/config\.json: its text is nested more than 64 deep/)
    writeFileSync(configFile, '{"architecture":"vit_tiny_patch16_224","architecture":"a"}')
    expect(await fault(readModelFolder(path))).toMatch(/config\.json: its text has "architecture" twice/)
    writeFileSync(configFile, Buffer.alloc(16 * 2 ** 20 + 1, 32))
    expect(await fault(readModelFolder(path))).toMatch(/has 16777217 bytes, over the limit of 16777216 for a JSON file/)
    rmSync(configFile)
    expect(await fault(readModelFolder(path))).toMatch(
      /model\.safetensors: the weights do not tell the number of heads/,
    )
    rmSync(join(path, "model.safetensors"))
    expect(await fault(readModelFolder(path))).toMatch(/broken: has no config\.json: it is no model folder$/)
    writeFileSync(configFile, JSON.stringify(json))
    expect(await fault(readModelFolder(path))).toMatch(/broken: has no model\.safetensors: training has saved no check/)
    const graph = join(path, "onnx", "model.onnx")
    mkdirSync(join(path, "onnx"))
    writeFileSync(graph, "")
    for (const exported of [path, graph])
      expect(await fault(readModelFolder(exported))).toMatch(
        /is an export to ONNX, which is not read back: name the run/,
      )
    mkdirSync(join(path, "model.safetensors"))
    expect(await fault(readModelFolder(path))).toMatch(/model\.safetensors: cannot read: it is a folder, not a file$/)
    expect(await fault(readModelFolder(join(path, "none")))).toMatch(/none: cannot read: no such file or folder$/)
    writeFileSync(join(path, "x.png"), "")
    expect(await fault(readModelFolder(join(path, "x.png")))).toMatch(/x\.png: is neither a model folder nor/)
  })
})

const weightsOf = (config: ViTConfig): [string, StoredTensor][] => {
  const parameters = vitParameters(config)
  const values = initializeViT(parameters, config, "timm", keyFromSeed(1))
  return parameters.map(({ name, shape }) => [name, { dtype: "F32", shape, data: values[name] as Float32Array }])
}

const bytesOf = (tensor: Pick<StoredTensor, "data"> | undefined): Buffer =>
  tensor ? Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength) : Buffer.alloc(0)

describe("a run folder is a model folder", () => {
  const python = process.env.VITRINE_PYTHON
  const small = { imageSize: [8, 12], patchSize: [4, 4], dim: 16, depth: 2, heads: 2, mlpDim: 40, classes: 3 } as const
  const configs: Record<string, ViTConfig> = {
    tiny: vitVariant("Ti/16", { imageSize: [32, 32], depth: 2, classes: 3 }),
    average: vitVariant("Ti/4", {
      imageSize: [16, 8],
      depth: 2,
      classes: 5,
      pool: "average",
      positions: "sincos2d",
      channels: 1,
    }),
    relu: vitConfig({
      imageSize: [8, 8],
      patchSize: [4, 2],
      dim: 30,
      depth: 1,
      heads: 3,
      mlpDim: 77,
      activation: "relu",
    }),
    siglip: vitConfig({ ...small, pool: "map", activation: "gelu_tanh", mlpDim: 43 }),
    dino: vitConfig({ ...small, registers: 4, prefixPositions: false, layerScale: 1e-5 }),
    swiglu: vitConfig({ ...small, gatedMlp: true, activation: "silu", pool: "map", registers: 1 }),
    distilled: vitConfig({ ...small, distillationToken: true, qkvBias: false }),
    clip: vitConfig({ ...small, embeddingNorm: true, activation: "quick_gelu", layerNormEpsilon: 1e-5 }),
    everything: vitConfig({
      ...small,
      pool: "average",
      classToken: true,
      poolPrefix: true,
      registers: 2,
      qkNorm: true,
      qkvBias: false,
      projBias: false,
      finalNorm: false,
      layerScale: 0.1,
    }),
    bare: vitConfig({
      imageSize: [8, 8],
      patchSize: [4, 4],
      dim: 12,
      depth: 3,
      heads: 3,
      classes: 0,
      positions: "none",
    }),
  }

  test.each(Object.entries(configs))("of %s", async (name, config) => {
    const path = join(folder, name)
    const run = await createRun(path, await toTimmConfig(config, { preprocessing: preprocessing(config) }))
    await run.saveCheckpoint({ step: 1, tensors: weightsOf(config), trainingTensors: [], state: null })
    await run.close()
    const model = await readModelFolder(path)
    expect(model.config).toEqual(config)
    for (const [tensor, { data }] of weightsOf(config))
      expect(bytesOf(await model.weights.read(tensor)).equals(bytesOf({ data })), tensor).toBe(true)
    await model.weights.close()
  })

  test.skipIf(!python)(
    "that timm loads (skipped without VITRINE_PYTHON, a python with timm)",
    () => {
      for (const name of Object.keys(configs))
        expect(execFileSync(python as string, [golden("../load.py"), join(folder, name)], { encoding: "utf8" })).toBe(
          "same\n",
        )
    },
    600_000,
  )
})
