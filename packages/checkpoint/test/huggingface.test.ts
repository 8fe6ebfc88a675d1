import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { VitrineError, vitConfig } from "@vitrine/core"
import { goldenPath } from "@vitrine/golden"
import fc from "fast-check"
import { afterAll, describe, expect, test } from "vitest"
import {
  huggingFaceSources,
  fromHuggingFace,
  imageModel,
  isHuggingFace,
  attentionConfig,
  applyOverrides,
  parameterReader,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from "../src/index.ts"
import { readModelFolder } from "../src/node.ts"
import { fault } from "./support.ts"

const scratch = mkdtempSync(join(tmpdir(), "vitrine-huggingface-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** As transformers 5.23 writes it. */
const config = {
  architectures: ["ViTForImageClassification"],
  attention_probs_dropout_prob: 0.1,
  dtype: "float32",
  encoder_stride: 16,
  hidden_act: "gelu",
  hidden_dropout_prob: 0.2,
  hidden_size: 12,
  id2label: { "0": "tench", "1": "goldfish", "2": "shark" },
  image_size: 48,
  initializer_range: 0.02,
  intermediate_size: 24,
  label2id: { tench: 0, goldfish: 1, shark: 2 },
  layer_norm_eps: 1e-12,
  model_type: "vit",
  num_attention_heads: 3,
  num_channels: 3,
  num_hidden_layers: 2,
  patch_size: 16,
  pooler_act: "tanh",
  pooler_output_size: 12,
  qkv_bias: true,
  transformers_version: "5.23.0",
}

const described = (changes: object, preprocessor: unknown = null): ReturnType<typeof fromHuggingFace> =>
  fromHuggingFace({ ...config, ...changes }, preprocessor, "m/config.json")

describe("config.json", () => {
  test("becomes a ViTConfig", async () => {
    const { config: found, labels } = await described({})
    expect(labels).toEqual(["tench", "goldfish", "shark"])
    expect(found).toEqual(
      vitConfig({
        imageSize: [48, 48],
        patchSize: [16, 16],
        dim: 12,
        depth: 2,
        heads: 3,
        mlpDim: 24,
        classes: 3,
        dropout: 0.2,
        attentionDropout: 0.1,
        layerNormEpsilon: 1e-12,
      }),
    )
  })

  test("has the defaults of transformers", async () => {
    const found = await fromHuggingFace({ model_type: "vit" }, null, "config.json")
    expect(found.config).toEqual(vitConfig({ classes: 2, layerNormEpsilon: 1e-12 }))
    expect(found.labels).toBeNull()
  })

  test("sizes may be pairs, and a bare model has no classes", async () => {
    const found = await described({ image_size: [48, 32], patch_size: [16, 8], architectures: ["ViTModel"] })
    expect(found.config).toMatchObject({ imageSize: [48, 32], patchSize: [16, 8], classes: 0 })
    expect(found.labels).toBeNull()
  })

  test.each([
    ["gelu", "gelu"],
    ["gelu_new", "gelu_tanh"],
    ["gelu_pytorch_tanh", "gelu_tanh"],
    ["quick_gelu", "quick_gelu"],
    ["relu", "relu"],
    ["swish", "silu"],
  ])("%s is %s", async (hidden_act, activation) => {
    expect(attentionConfig((await described({ hidden_act })).config, "this").activation).toBe(activation)
  })

  test.each<[object, RegExp]>([
    [
      { model_type: "swin" },
      /model_type is "swin": of Hugging Face's models Vitrine reads "vit", "deit", "dinov2", "d/,
    ],
    [{ model_type: "__proto__" }, /model_type is "__proto__": of Hugging Face's models Vitrine reads "vit"/],
    [{ architectures: ["ViTMAEModel"] }, /architectures\[0\] must be one of ViTForImage.*, got "ViTMAEModel"/],
    [{ model_type: "deit" }, /architectures\[0\] must be one of DeiTForImage.*, got "ViTForImageClassification"/],
    [{ model_type: "dinov2" }, /architectures\[0\] must be one of Dinov2ForImage.*, got "ViTForImageClassification"/],
    [
      { model_type: "dinov2", architectures: null, image_size: [48, 32] },
      /image_size is 48×32: transformers runs DINOv2/,
    ],
    [{ hidden_act: "gelu_10" }, /hidden_act must be one of gelu, .*, got "gelu_10"/],
    [{ qkv_bias: "no" }, /qkv_bias must be true or false, got "no"/],
    [{ head_dim: 8 }, /head_dim is 8: Vitrine has heads of hidden_size \/ num_attention_heads/],
    [{ id2label: { "0": true } }, /id2label of class 0 is true, not text/],
    [{ image_size: "48" }, /image_size must be a count of pixels or \[height, width\], got "48"/],
    [{ patch_size: 20 }, /patches of 20×20 do not divide images of 48×48/],
    [{ hidden_size: 13 }, /3 heads do not divide a width of 13/],
    [{ layer_norm_eps: "1e-12" }, /layer_norm_eps must be a number, got "1e-12"/],
  ])("%j is refused", async (changes, message) => {
    const found = await fault(described(changes))
    expect(found).toMatch(message)
    expect(found).toMatch(/^m\/config\.json: /)
  })

  test.each<[object, object]>([
    [{ qkv_bias: false }, { qkvBias: false, classes: 3 }],
    [{ architectures: ["ViTForMaskedImageModeling"] }, { classes: 0 }],
    [
      { model_type: "deit", architectures: ["DeiTForImageClassificationWithTeacher"] },
      { distillationToken: true, registers: 0, classes: 3 },
    ],
    [
      { model_type: "deit", architectures: ["DeiTForImageClassification"] },
      { distillationToken: false, registers: 1, prefixPositions: true, classes: 3 },
    ],
    [
      { model_type: "deit", architectures: ["DeiTModel"] },
      { distillationToken: false, registers: 1, classes: 0 },
    ],
    [
      { model_type: "dinov2", architectures: ["Dinov2ForImageClassification"], mlp_ratio: 2.5, layerscale_value: 0.1 },
      { pool: "token+average", mlpDim: 30, layerScale: 0.1, gatedMlp: false, prefixPositions: true },
    ],
    [
      { model_type: "dinov2", architectures: ["Dinov2Backbone"], use_swiglu_ffn: true, mlp_ratio: 4 },
      { pool: "token", mlpDim: 32, gatedMlp: true, activation: "silu", classes: 0 },
    ],
    [
      { model_type: "dinov2_with_registers", architectures: ["Dinov2WithRegistersModel"] },
      { registers: 4, prefixPositions: false, classToken: true },
    ],
  ])("%j is %j", async (changes, expected) => {
    expect((await described(changes)).config).toMatchObject(expected)
  })

  test("has the defaults of transformers for every model_type", async () => {
    const defaults = async (model_type: string): Promise<unknown> =>
      (await fromHuggingFace({ model_type }, null, "config.json")).config
    expect(await defaults("deit")).toMatchObject({
      patchSize: [16, 16],
      mlpDim: 3072,
      layerNormEpsilon: 1e-12,
      registers: 1,
    })
    expect(await defaults("dinov2")).toMatchObject({
      patchSize: [14, 14],
      mlpDim: 3072,
      layerNormEpsilon: 1e-6,
      layerScale: 1,
    })
    expect(await defaults("dinov2_with_registers")).toMatchObject({
      patchSize: [16, 16],
      registers: 4,
      layerNormEpsilon: 1e-6,
    })
  })

  test("is told from timm's by model_type", () => {
    expect(isHuggingFace(config)).toBe(true)
    expect(isHuggingFace({ architecture: "vit_base_patch16_224", model_type: "vit" })).toBe(false)
    for (const other of [null, [], "vit", {}]) expect(isHuggingFace(other)).toBe(false)
  })
})

describe("DINOv2 takes images of the size that its preprocessor makes", () => {
  const changes = { model_type: "dinov2", architectures: ["Dinov2Model"], image_size: 64 }
  const bit = { image_processor_type: "BitImageProcessor", crop_size: 48, size: { shortest_edge: 55 } }

  test.each<[string, unknown, object]>([
    ["a crop", bit, { size: [48, 48], resize: 55, cropPct: 48 / 55, cropMode: "center", interpolation: "bicubic" }],
    ["an oblong crop", { ...bit, crop_size: { height: 48, width: 32 } }, { size: [48, 32], resize: 55 }],
    ["exact sides", { size: { height: 80, width: 32 } }, { size: [80, 32], cropMode: "squash" }],
    ["no crop to a size", { do_resize: false }, { size: [64, 64], resize: null, crop: null }],
    ["no file", null, { size: [64, 64], resize: 73, cropMode: "center", mean: [0.485, 0.456, 0.406] }],
  ])("%s", async (_, json, expected) => {
    const found = await described(changes, json)
    expect(found.config.imageSize).toEqual([64, 64])
    expect(found.preprocessing).toMatchObject(expected)
    expect(applyOverrides(found, {}, "m").config.imageSize).toEqual(found.preprocessing.size)
  })

  test("of which patches leave out the lower and right edges", async () => {
    const found = await described(changes, { ...bit, crop_size: 50 })
    expect(found.preprocessing).toMatchObject({ size: [48, 48], resize: 55, crop: [50, 50] })
    expect(applyOverrides(found, {}, "m").preprocessing).toEqual(found.preprocessing)
  })
})

describe("preprocessor_config.json", () => {
  const half = [0.5, 0.5, 0.5]
  const plain = { size: [48, 48], interpolation: "bilinear", cropPct: 1, cropMode: "squash", mean: half, std: half }
  const mean = [0.485, 0.456, 0.406]
  const std = [0.229, 0.224, 0.225]
  const square = { height: 48, width: 48 }

  test.each<[string, unknown, object]>([
    ["none", null, plain],
    [
      "of 2021",
      { do_normalize: true, do_resize: true, image_mean: half, image_std: half, resample: 2, size: 48 },
      plain,
    ],
    ["of 2022", { feature_extractor_type: "ViTFeatureExtractor", size: 48, resample: 3 }, { interpolation: "bicubic" }],
    [
      "of 2023",
      {
        image_processor_type: "ViTFeatureExtractor",
        do_rescale: true,
        rescale_factor: 0.00392156862745098,
        size: square,
      },
      plain,
    ],
    ["of 2025", { image_processor_type: "ViTImageProcessorFast", crop_size: null, size: square }, plain],
    ["a pair", { size: [48, 48] }, plain],
    [
      "DeiT's",
      { feature_extractor_type: "DeiTFeatureExtractor", size: 55, crop_size: 48, image_mean: mean, image_std: std },
      { interpolation: "bicubic", resize: [55, 55], cropMode: "squash", mean, std },
    ],
    [
      "a shortest edge",
      { do_center_crop: true, size: { shortest_edge: 60 }, crop_size: square, resample: 1 },
      { interpolation: "lanczos", resize: 60, cropPct: 0.8, cropMode: "center" },
    ],
    ["CLIP's count", { image_processor_type: "CLIPImageProcessor", size: 60, crop_size: 48 }, { resize: 60 }],
    ["no resize", { do_resize: false }, plain],
    ["a crop alone", { do_resize: false, do_center_crop: true, crop_size: 48 }, { resize: null }],
    ["no normalisation", { do_normalize: false, size: 48 }, { mean: [0, 0, 0], std: [1, 1, 1] }],
    ["bytes to [0, 2]", { size: 48, rescale_factor: 2 / 255 }, { mean: [0.25, 0.25, 0.25], std: [0.25, 0.25, 0.25] }],
    [
      "one value for all",
      { size: 48, image_mean: 0.4, image_std: [0.3] },
      { mean: [0.4, 0.4, 0.4], std: [0.3, 0.3, 0.3] },
    ],
  ])("%s", async (_, json, expected) => {
    expect((await described({}, json)).preprocessing).toMatchObject(expected)
  })

  test.each<[object, RegExp]>([
    [{ size: 224 }, /size is 224×224, but the model takes 48×48/],
    [{ size: { shortest_edge: 48 } }, /size\.shortest_edge without do_center_crop gives images of any shape/],
    [
      { size: { shortest_edge: 48, longest_edge: 99 }, do_center_crop: true },
      /size must be one of \{ height, width \}/,
    ],
    [{ size: { height: 48 } }, /size must be a count of pixels or \[height, width\]/],
    [{ size: 0 }, /size must be one of 1 to 16384 pixels, got 0/],
    [{ size: 60, do_center_crop: true, crop_size: 50 }, /crop_size is 50×50, but the model takes 48×48/],
    [{ resample: 6, size: 48 }, /resample must be 0 \(nearest\), .* 5 \(hamming\), got 6/],
    [{ do_resize: "yes" }, /do_resize must be true or false, got "yes"/],
    [{ size: 48, image_std: [1, 1, 0] }, /image_std must be above 0, got \[1,1,0\]/],
    [{ size: 48, image_mean: [1, 1] }, /image_mean must be 3 numbers, one a channel, got \[1,1\]/],
    [{ size: 48, rescale_factor: 0 }, /rescale_factor must be above 0, got 0/],
    [{ size: 48, do_pad: true }, /do_pad is true: Vitrine does not pad images/],
    [{ image_processor_type: "DetrImageProcessor" }, /image_processor_type is "DetrImageProcessor": Vitrine has/],
  ])("%j is refused", async (json, message) => {
    const found = await fault(described({}, json))
    expect(found).toMatch(message)
    expect(found).toMatch(/^m\/preprocessor_config\.json: /)
  })
})

test("whatever stands in the files, there is a model or one line", async () => {
  const fields = [...Object.keys(config), "mlp_ratio", "use_swiglu_ffn", "layerscale_value", "num_register_tokens"]
  const steps = ["size", "crop_size", "do_resize", "do_center_crop", "do_rescale", "rescale_factor", "resample"]
  const kinds = ["do_normalize", "image_mean", "image_std", "image_processor_type", "feature_extractor_type"]
  const types = ["vit", "deit", "dinov2", "dinov2_with_registers"]
  const some = (names: string[]): fc.Arbitrary<object> =>
    fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.integer({ min: -1, max: 64 }), fc.boolean()))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...types),
      some(fields),
      some([...steps, ...kinds]),
      async (type, changes, preprocessor) => {
        try {
          await described({ model_type: type, architectures: undefined, ...changes }, preprocessor)
        } catch (error) {
          expect(VitrineError.isInstance(error), String(error)).toBe(true)
          expect((error as Error).message).toMatch(/^m\/[^\n]*$/)
        }
      },
    ),
    { numRuns: 500 },
  )
})

/** The tensors of the model above as transformers names them; each counts on from a number of its own. */
function tensorsOf(prefix: string): Map<string, StoredTensor> {
  const shapes: Record<string, readonly number[]> = {
    [`${prefix}embeddings.cls_token`]: [1, 1, 12],
    [`${prefix}embeddings.position_embeddings`]: [1, 10, 12],
    [`${prefix}embeddings.patch_embeddings.projection.weight`]: [12, 3, 16, 16],
    [`${prefix}embeddings.patch_embeddings.projection.bias`]: [12],
    [`${prefix}layernorm.weight`]: [12],
    [`${prefix}layernorm.bias`]: [12],
  }
  for (const i of [0, 1])
    for (const [name, rows, columns] of [
      ["attention.attention.query", 12, 12],
      ["attention.attention.key", 12, 12],
      ["attention.attention.value", 12, 12],
      ["attention.output.dense", 12, 12],
      ["intermediate.dense", 24, 12],
      ["output.dense", 12, 24],
      ["layernorm_before", 12, 0],
      ["layernorm_after", 12, 0],
    ] as const) {
      shapes[`${prefix}encoder.layer.${i}.${name}.weight`] = columns === 0 ? [rows] : [rows, columns]
      shapes[`${prefix}encoder.layer.${i}.${name}.bias`] = [rows]
    }
  if (prefix === "vit.") Object.assign(shapes, { "classifier.weight": [3, 12], "classifier.bias": [3] })
  return new Map(Object.entries(shapes).map(([name, shape], i) => [name, tensor(shape, i * 1000)]))
}

function tensor(shape: readonly number[], from: number): StoredTensor {
  const length = shape.reduce((product, size) => product * size, 1)
  return { dtype: "F32", shape, data: Float32Array.from({ length }, (_, i) => from + i) }
}

const bytesOf = (tensors: Map<string, StoredTensor>): Uint8Array => Buffer.concat([...writeSafetensors([...tensors])])
const headerOf = (tensors: Map<string, StoredTensor>): Parameters<typeof huggingFaceSources>[0] => ({
  tensors: [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape, begin: 0, end: 0 })),
})

describe("tensors", async () => {
  const model = (await described({})).config
  const features = (await described({ architectures: ["ViTModel"] })).config

  test("every parameter has its tensors, and only q, k and v are joined", async () => {
    const tensors = tensorsOf("vit.")
    const sources = await huggingFaceSources(headerOf(tensors), model, "vit", "m.safetensors")
    expect([...sources.keys()]).toEqual(imageModel(model).parameters.map(({ name }) => name))
    expect([...sources.values()].flatMap(({ from }) => from).toSorted()).toEqual([...tensors.keys()].toSorted())
    for (const [name, { from }] of sources) expect(from.length, name).toBe(name.includes(".qkv.") ? 3 : 1)
    expect(sources.get("blocks.1.attn.qkv.bias")?.from).toEqual(
      ["query", "key", "value"].map((name) => `vit.encoder.layer.1.attention.attention.${name}.bias`),
    )
    const read = parameterReader({ read: async (name) => tensors.get(name) as StoredTensor }, sources)
    for (const { name, shape } of imageModel(model).parameters) {
      const parts = (sources.get(name)?.from ?? []).map((source) => tensors.get(source) as StoredTensor)
      const values = await read(name)
      expect(values, name).toEqual(Float32Array.from(parts.flatMap(({ data }) => Array.from(data, Number))))
      expect(values.length, name).toBe(shape.reduce((product, size) => product * size, 1))
    }
  })

  test("a bare model may have the prefix, a pooler and a mask token", async () => {
    const bare = tensorsOf("")
    bare.set("pooler.dense.weight", tensor([12, 12], 0)).set("pooler.dense.bias", tensor([12], 0))
    expect((await huggingFaceSources(headerOf(bare), features, "vit", "m")).get("norm.bias")?.from).toEqual([
      "layernorm.bias",
    ])
    const prefixed = tensorsOf("vit.").set("vit.embeddings.mask_token", tensor([1, 1, 12], 0))
    prefixed.delete("classifier.weight")
    prefixed.delete("classifier.bias")
    expect((await huggingFaceSources(headerOf(prefixed), features, "vit", "m")).get("norm.bias")?.from).toEqual([
      "vit.layernorm.bias",
    ])
  })

  test("faults have the names of the file", async () => {
    const tensors = tensorsOf("vit.")
    tensors.delete("vit.encoder.layer.0.attention.attention.key.weight")
    tensors.set("vit.encoder.layer.1.attention.attention.query.bias", tensor([36], 0))
    tensors.set("vit.embeddings.distillation_token", tensor([1, 1, 12], 0))
    expect(await fault(huggingFaceSources(headerOf(tensors), model, "vit", "m.safetensors"))).toBe(
      "m.safetensors: does not hold the model's tensors; " +
        'missing: "vit.encoder.layer.0.attention.attention.key.weight"; ' +
        'wrong shape: "vit.encoder.layer.1.attention.attention.query.bias" is [36], not [12]; ' +
        'unexpected: "vit.embeddings.distillation_token"',
    )
  })
})

/** What transformers calls its parameters while a model runs, by how files call them. */
const inMemory: readonly (readonly [RegExp, string])[] = [
  [/attention\.attention\.(.).*\.(?=\w+$)/, "attention.$1_proj."],
  [/attention\.output\.dense/, "attention.o_proj"],
  [/intermediate\.dense/, "mlp.fc1"],
  [/(?<=\d)\.output\.dense/, ".mlp.fc2"],
  [/mlp\.weights_out/, "mlp.down_proj"],
]

test.each([
  ["huggingface-vit", (name: string) => name.replace("encoder.layer.", "layers.")],
  ["huggingface-deit-teacher", (name: string) => name.replace("encoder.layer.", "layers.")],
  ["huggingface-dinov2", (name: string) => name],
  ["huggingface-dinov2-swiglu", (name: string) => name],
])("%s in the names of a running model is the same", async (golden, move) => {
  const folder = await readModelFolder(goldenPath(golden))
  const { model_type } = folder.json as { model_type: string }
  const renamed = new Map<string, StoredTensor>()
  for (const { name } of folder.weights.tensors) {
    const stored = await folder.weights.read(name)
    const [rows = 0, ...rest] = stored.shape
    const halves = /^(.*)\.weights_in\.(\w+)$/.exec(name)
    const own = inMemory.reduce((text, [from, to]) => text.replace(from, to), move(name))
    if (halves === null) renamed.set(own, stored)
    else
      for (const [i, part] of ["gate_proj", "up_proj"].entries())
        renamed.set(`${move(halves[1] as string)}.${part}.${halves[2]}`, {
          ...stored,
          shape: [rows / 2, ...rest],
          data: stored.data.slice((i * stored.data.length) / 2, ((i + 1) * stored.data.length) / 2),
        })
  }
  const read = parameterReader(folder.weights, folder.sources)
  const sources = await huggingFaceSources(headerOf(renamed), folder.config, model_type, "m")
  const readRenamed = parameterReader({ read: async (name) => renamed.get(name) as StoredTensor }, sources)
  for (const { name } of imageModel(folder.config).parameters)
    expect(await readRenamed(name), name).toEqual(await read(name))
  await folder.weights.close()
})

test("a folder is known by its config.json", async () => {
  const files: Record<string, string | Uint8Array> = {
    "config.json": JSON.stringify(config),
    "preprocessor_config.json": JSON.stringify({ size: 48, resample: 3 }),
    "model.safetensors": bytesOf(tensorsOf("vit.")),
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(scratch, name), content)
  const folder = await readModelFolder(scratch)
  expect(folder).toMatchObject({ labels: ["tench", "goldfish", "shark"], preprocessing: { interpolation: "bicubic" } })
  expect(folder.sources.get("head.bias")).toMatchObject({ from: ["classifier.bias"] })
  const { tensors } = readSafetensors(readFileSync(join(scratch, "model.safetensors")), "m")
  expect(await folder.weights.read("classifier.bias")).toEqual(tensors.get("classifier.bias"))
  await folder.weights.close()

  const bare = join(scratch, "bare")
  cpSync(join(scratch, "config.json"), join(bare, "config.json"))
  cpSync(join(scratch, "model.safetensors"), join(bare, "model.safetensors"))
  const without = await readModelFolder(bare)
  expect(without.preprocessing).toMatchObject({ interpolation: "bilinear", cropMode: "squash" })
  await without.weights.close()
})
