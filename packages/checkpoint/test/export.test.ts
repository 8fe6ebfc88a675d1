import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  huggingFaceSources,
  fromHuggingFace,
  fromTimmConfig,
  huggingFaceTensors,
  attentionConfig,
  parameterReader,
  type ModelDescription,
  type Preprocessing,
  type StoredTensor,
  toFloat32,
  toHuggingFace,
  toTimm,
} from "@vitrine/checkpoint"
import { readModelFolder, writeModelFolder } from "@vitrine/checkpoint/node"
import { initializeViT, keyFromSeed, type ViTConfig, vitConfig, vitParameters } from "@vitrine/core"
import { afterAll, describe, expect, it } from "vitest"
import { fault } from "./support.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-export-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const tiny = { imageSize: [8, 8], patchSize: [4, 4], dim: 8, depth: 2, heads: 2, mlpDim: 12, classes: 3 } as const
const squash: Preprocessing = {
  size: [8, 8],
  interpolation: "bilinear",
  cropPct: 1,
  cropMode: "squash",
  mean: [0.5, 0.4, 0.3],
  std: [0.2, 0.3, 0.4],
}

function model(fields: Partial<ViTConfig> = {}, preprocessing: Partial<Preprocessing> = {}): ModelDescription {
  const config = vitConfig({ ...tiny, ...fields })
  return {
    config,
    preprocessing: { ...squash, size: config.imageSize, ...preprocessing },
    labels: null,
    positionMethod: "timm",
  }
}

const weightsOf = (config: ViTConfig): Record<string, Float32Array> =>
  initializeViT(vitParameters(config), config, "fan", keyFromSeed(3))

describe("Hugging Face's form", () => {
  const kinds = "vit deit rectangle deit-token deit-teacher dinov2 dinov2-swiglu dinov2-registers features".split(" ")
  it.each(kinds)("is that of transformers itself: huggingface-%s", async (name) => {
    const path = fileURLToPath(new URL(`../../../tooling/golden/files/huggingface-${name}`, import.meta.url))
    const { weights, sources, json, path: _, ...description } = await readModelFolder(path)
    const read = parameterReader(weights, sources)
    const parameters: Record<string, Float32Array> = {}
    for (const each of sources.keys()) parameters[each] = await read(each)

    const made = await huggingFaceTensors(description.config, parameters)
    const stored = new Map(weights.tensors.map((tensor) => [tensor.name, tensor.shape]))
    for (const { name: tensor, shape, data } of made) {
      // The class token's position has been added to it, and the mask is for training.
      if (tensor.endsWith("mask_token")) continue
      expect(stored.get(tensor), tensor).toEqual(shape)
      const folded = name === "dinov2-registers" && /cls_token$|position_embeddings$/.test(tensor)
      if (!folded) expect(data, tensor).toEqual(toFloat32(await weights.read(tensor)))
    }
    const left = [...stored.keys()].filter((tensor) => !made.some((each) => each.name === tensor))
    expect(left.filter((tensor) => !/pooler|mask_token/.test(tensor))).toEqual([])
    await weights.close()

    const written = await toHuggingFace(description)
    const config = JSON.parse(JSON.stringify(written.config))
    const again = await fromHuggingFace(config, written.preprocessor, "config.json")
    const names = description.config.classes === 3 ? ["LABEL_0", "LABEL_1", "LABEL_2"] : null
    const notes = description.config.classes === 0 ? [expect.stringMatching(/^has no classes: its features are /)] : []
    expect(again).toEqual({ ...description, notes, labels: description.labels ?? names })
    for (const field of ["architectures", "model_type", "image_size", "patch_size", "mlp_ratio", "use_swiglu_ffn"])
      expect(config[field], field).toEqual((json as Record<string, unknown>)[field])
    const found = await huggingFaceSources({ tensors: made }, again.config, config.model_type, "model.safetensors")
    const reread = parameterReader(
      {
        read: async (tensor): Promise<StoredTensor> => {
          const { shape, data } = made.find((each) => each.name === tensor) as (typeof made)[number]
          return { dtype: "F32", shape, data }
        },
      },
      found,
    )
    for (const each of found.keys()) expect(await reread(each), each).toEqual(parameters[each])
  })

  it.each<[string, Partial<ViTConfig>]>([
    ["the class token normed after it was picked", { normAfterPool: true }],
    ["no positions", { positions: "none" }],
    ["fixed positions", { positions: "sincos2d" }],
    ["GELU by tanh", { activation: "gelu_tanh" }],
    [
      "ReLU, another ε and patches that are not square",
      { activation: "relu", layerNormEpsilon: 1e-3, patchSize: [4, 2] },
    ],
    ["no classes", { classes: 0 }],
    ["LayerScale and no biases in its blocks", { layerScale: 1, projBias: false, qkvBias: false }],
    ["a class token without a position", { prefixPositions: false }],
  ])("holds a model with %s", async (_, fields) => {
    const description = model(fields)
    const own = attentionConfig(description.config, "this")
    const tensors = await huggingFaceTensors(own, weightsOf(own))
    const config = attentionConfig(
      (await fromHuggingFace((await toHuggingFace(description)).config, null, "config.json")).config,
      "this",
    )
    await huggingFaceSources({ tensors }, config, "vit", "model.safetensors")
    expect(config).toMatchObject({ activation: own.activation, positions: "learned", pool: "token" })
    const positions = tensors.find(({ name }) => name.endsWith("position_embeddings"))?.data as Float32Array
    expect(positions.every((x) => x === 0)).toBe(own.positions === "none")
  })

  it.each<[Partial<ViTConfig>, RegExp]>([
    [{ pool: "average" }, /^no class of transformers is this model, which has pooling "average".*timm or onnx$/],
    [{ preLogits: { dim: 4, activation: "tanh" } }, /a hidden layer of 4 before the logits/],
    [{ pool: "map", classToken: true }, /pooling "map"/],
    [{ qkNorm: true, embeddingNorm: true }, /a norm before the blocks and normed queries and keys/],
    [{ registers: 2 }, /MLPs of 12, which DINOv2's are not for a width of 8/],
    [{ registers: 2, mlpDim: 16, imageSize: [8, 12] }, /images of 8×12, where DINOv2's are square/],
    [{ gatedMlp: true }, /MLPs gated by gelu/],
    [{ distillationToken: true, registers: 1 }, /a distillation token and registers/],
  ])("is refused for %o", async (fields, message) => {
    const config = attentionConfig(model(fields).config, "this")
    expect(await fault((async () => await huggingFaceTensors(config, weightsOf(config)))())).toMatch(message)
  })

  it.each<[string, Partial<Preprocessing>, object, number]>([
    [
      "squashed",
      {},
      { image_processor_type: "ViTImageProcessor", size: { height: 8, width: 8 }, do_center_crop: false },
      0,
    ],
    [
      "squashed and cropped",
      { cropPct: 0.8 },
      { image_processor_type: "DeiTImageProcessor", size: { height: 10, width: 10 } },
      0,
    ],
    ["squashed and cropped between pixels", { cropPct: 0.7 }, { size: { height: 11, width: 11 } }, 1],
    [
      "cut",
      { cropMode: "center", cropPct: 0.8 },
      { image_processor_type: "BitImageProcessor", size: { shortest_edge: 10 } },
      1,
    ],
    ["Hugging Face's", { resize: 9 }, { size: { shortest_edge: 9 }, crop_size: { height: 8, width: 8 } }, 0],
    ["Hugging Face's squashed", { resize: [9, 12] }, { size: { height: 9, width: 12 } }, 0],
    [
      "resized as numbers",
      { resize: [8, 8], resizePrecision: "float" },
      { image_processor_type: "DINOv3ViTImageProcessor", size: { height: 8, width: 8 }, do_center_crop: false },
      0,
    ],
    ["not resized", { resize: null }, { do_resize: false, do_center_crop: true }, 0],
    [
      "filtered",
      { interpolation: "lanczos" },
      { resample: 1, image_mean: [0.5, 0.4, 0.3], image_std: [0.2, 0.3, 0.4] },
      0,
    ],
  ])("prepares images that are %s", async (_, fields, expected, notes) => {
    const description = model({}, fields)
    const made = await toHuggingFace(description)
    expect(made.preprocessor).toMatchObject(expected)
    expect(made.notes).toHaveLength(notes)
    const { preprocessing } = await fromHuggingFace(made.config, made.preprocessor, "config.json")
    expect(preprocessing).toMatchObject({ mean: squash.mean, std: squash.std, size: [8, 8] })
    expect(preprocessing.resizePrecision).toBe(fields.resizePrecision)
    if (fields.resize !== undefined) expect(preprocessing.resize).toEqual(fields.resize)
  })

  it("is refused for preprocessing that no processor does", async () => {
    const refused = async (fields: Partial<ViTConfig>, how: Partial<Preprocessing>): Promise<string> =>
      fault((async () => await toHuggingFace(model(fields, how)))())
    expect(await refused({}, { cropMode: "border" })).toMatch(/pads images.*--crop-mode squash/)
    expect(await refused({ imageSize: [8, 12] }, { cropMode: "center" })).toMatch(/not square.*--crop-mode squash/)
  })

  it("keeps names that occur twice, and those of objects", async () => {
    const { config } = await toHuggingFace({ ...model(), labels: ["crane", "crane", "__proto__"] })
    expect((await fromHuggingFace(JSON.parse(JSON.stringify(config)), null, "config.json")).labels).toEqual([
      "crane",
      "crane",
      "__proto__",
    ])
  })
})

describe("timm's form", () => {
  it("says what timm cannot be told", async () => {
    expect((await toTimm(model())).notes).toEqual([])
    expect((await toTimm(model({ layerNormEpsilon: 1e-12 }))).notes).toMatchObject([
      /ε = 0\.000001, this model with 1e-12/,
    ])
    const stem = { width: 64, depths: [], groups: 32, numerics: "google" } as const
    expect((await toTimm(model({ stem, imageSize: [32, 32], patchSize: [1, 1] }, { size: [32, 32] }))).notes).toEqual([
      "timm's stem has other ε than Google's: logits differ a little",
    ])
    expect((await toTimm(model({}, { resize: [8, 8], resizePrecision: "float" }))).notes).toMatchObject([/whole bytes/])
    expect((await toTimm(model({}, { resize: null }))).notes).toMatchObject([/only crops/])
    expect((await toTimm(model({}, { resize: [9, 12] }))).notes).toMatchObject([
      /timm resizes images to .*, this model to 9×12/,
    ])
  })

  it("finds the share of the crop for Hugging Face's sizes", async () => {
    for (let side = 8; side < 60; side++) {
      const { config } = await toTimm(model({}, { cropMode: "center", cropPct: Math.max(0.1, 8 / side), resize: side }))
      const { preprocessing } = await fromTimmConfig(config, "config.json")
      expect(Math.floor(8 / preprocessing.cropPct)).toBe(side)
      expect(preprocessing).toMatchObject({ cropMode: "center", mean: squash.mean, std: squash.std })
    }
  })

  it("is refused for a model with a hidden layer before the logits", async () => {
    const preLogits = { dim: 4, activation: "tanh" } as const
    expect(await fault((async () => await toTimm(model({ preLogits })))())).toMatch(
      /hidden layer of 4.*export it to onnx$/,
    )
  })
})

describe("writeModelFolder", () => {
  const files = (text: string): Map<string, Uint8Array[]> =>
    new Map([
      ["config.json", [new TextEncoder().encode(text)]],
      ["onnx/model.onnx", [Uint8Array.of(1, 2), Uint8Array.of(3)]],
    ])

  it("makes the folder, and replaces it only if it may", async () => {
    const path = join(folder, "above", "new")
    await writeModelFolder(path, files("one"))
    // Links that lead to their own folder have endless paths.
    for (const name of ["a", "b"]) symlinkSync(".", join(path, name))
    expect(await fault(writeModelFolder(path, files("two"), { replace: true }))).toMatch(
      /holds "[ab]", which is no part/,
    )
    for (const name of ["a", "b"]) rmSync(join(path, name))
    expect([...readFileSync(join(path, "onnx", "model.onnx"))]).toEqual([1, 2, 3])
    expect(await fault(writeModelFolder(path, files("two")))).toMatch(/holds a model already.*--force/)
    expect(readFileSync(join(path, "config.json"), "utf8")).toBe("one")
    await writeModelFolder(path, files("two"), { replace: true })
    expect(readFileSync(join(path, "config.json"), "utf8")).toBe("two")
    expect(readdirSync(join(folder, "above"))).toEqual(["new"])
  })

  it("never replaces a folder with anything else in it", async () => {
    const path = join(folder, "run")
    mkdirSync(join(path, "checkpoints"), { recursive: true })
    writeFileSync(join(path, "config.json"), "{}")
    const found = await fault(writeModelFolder(path, files("two"), { replace: true }))
    expect(found).toMatch(/holds "checkpoints", which is no part of an exported model/)
    expect(readFileSync(join(path, "config.json"), "utf8")).toBe("{}")
  })

  it("leaves nothing behind when it fails", async () => {
    const path = join(folder, "failed")
    const broken = new Map([
      [
        "config.json",
        (function* (): Generator<Uint8Array> {
          yield Uint8Array.of(1)
          throw new Error("lost")
        })(),
      ],
    ])
    await expect(writeModelFolder(path, broken)).rejects.toThrow("lost")
    expect(existsSync(path)).toBe(false)
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([])
    const file = join(folder, "file")
    writeFileSync(file, "")
    expect(await fault(writeModelFolder(file, files("two")))).toMatch(/file: cannot write/)
  })
})
