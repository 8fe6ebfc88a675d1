import { readFileSync } from "node:fs"
import { referenceBackend } from "@vitrine/backend-reference"
import { graph, ops, rootScope, type ViTConfig, vit, vitConfig } from "@vitrine/core"
import { apart, golden, goldenPath, readTensors, tensor } from "@vitrine/golden"
import { describe, expect, test } from "vitest"
import {
  attentionConfig,
  beyondHuggingFace,
  fromHuggingFace,
  huggingFaceTensors,
  parameterReader,
  type Preprocessing,
  toHuggingFace,
  toTimm,
} from "../src/index.ts"
import { readModelFolder } from "../src/node.ts"

type Weights = Readonly<Record<string, Float32Array>>

interface Folder {
  readonly config: ViTConfig
  readonly preprocessing: Preprocessing
  readonly weights: Weights
}

async function readFolder(name: string): Promise<Folder> {
  const { config, preprocessing, weights, sources } = await readModelFolder(goldenPath(name))
  const read = parameterReader(weights, sources)
  const values: Record<string, Float32Array> = {}
  for (const parameter of sources.keys()) values[parameter] = await read(parameter)
  await weights.close()
  return { config: attentionConfig(config, "this"), preprocessing, weights: values }
}

async function featuresOf(config: ViTConfig, constants: Weights, images: Float32Array): Promise<ArrayLike<number>> {
  const x = ops.input("images", [2, ...config.imageSize, config.channels])
  const program = await referenceBackend().compile(graph({ outputs: { y: vit(rootScope(), x, config) } }), {
    constants,
  })
  return (await program.run({ images })).y?.data ?? []
}

describe.each(["dinov3-huggingface", "dinov3-huggingface-gated"])("%s", (name) => {
  const file = golden(`${name}/expected`)
  const images = Float32Array.from(tensor(file, "images").data)

  test("gives transformers' features at another size than the configuration's", async () => {
    const { config, weights } = await readFolder(name)
    expect(config.imageSize).toEqual([12, 20])
    expect(apart(await featuresOf(config, weights, images), tensor(file, "features"))).toBeLessThan(1e-5)
  })

  test("has timm's parameters, and is written for timm as it names them", async () => {
    const { config, preprocessing, weights } = await readFolder(name)
    const timms = Object.entries(file.tensors).filter(([key]) => key.startsWith("timm."))
    expect(Object.keys(weights).sort()).toEqual(timms.map(([key]) => key.slice(5)).sort())
    for (const [key, { data }] of timms) expect(weights[key.slice(5)], key).toEqual(data)
    const made = await toTimm({ config, preprocessing, labels: null, positionMethod: "timm" })
    expect(made.config.model_args).toMatchObject({ global_pool: "token", embed_dim: 24 })
    expect(made.config.architecture).toMatch(/dinov3|lingbot/)
  })

  test("is written back as it was", async () => {
    const { config, preprocessing, weights } = await readFolder(name)
    const made = new Map((await huggingFaceTensors(config, weights)).map((each) => [each.name, each]))
    const original = readTensors(`${goldenPath(name)}/model.safetensors`)
    expect([...made.keys()].sort()).toEqual(Object.keys(original).sort())
    for (const [key, { shape, data }] of Object.entries(original)) {
      expect(made.get(key)?.shape, key).toEqual(shape)
      if (!key.endsWith("mask_token")) expect(made.get(key)?.data, key).toEqual(data)
    }
    const files = await toHuggingFace({ config, preprocessing, labels: null, positionMethod: "timm" })
    const again = await fromHuggingFace(files.config, files.preprocessor, "m/config.json")
    expect(again.config).toEqual(config)
    const published = JSON.parse(readFileSync(`${goldenPath(name)}/config.json`, "utf8"))
    for (const field of [
      "model_type",
      "architectures",
      "hidden_size",
      "num_register_tokens",
      "use_gated_mlp",
      "query_bias",
    ])
      expect(files.config[field], field).toEqual(published[field])
  })
})

describe("transformers' DINOv3", () => {
  const json = JSON.parse(readFileSync(`${goldenPath("dinov3-huggingface")}/config.json`, "utf8"))
  test.each([
    [{ value_bias: false }, "query_bias, key_bias and value_bias: Vitrine has all, all but the keys', or none"],
    [{ mlp_bias: false }, "proj_bias and mlp_bias: Vitrine has both or none"],
    [{ rope_theta: 0 }, "rope_theta must be above 0, got 0"],
    [{ architectures: ["DINOv3ViTForImageClassification"] }, "architectures[0] must be one of DINOv3ViTModel"],
  ])("with %j is refused", async (changes, message) => {
    await expect(fromHuggingFace({ ...json, ...changes }, null, "m/config.json")).rejects.toThrow(message)
  })

  test("with a bias of keys has one parameter for all three", async () => {
    const { config } = await fromHuggingFace({ ...json, key_bias: true }, null, "m/config.json")
    expect(config).toMatchObject({ qkvBias: true, keyBias: true })
  })

  test("is not written for models that are more", async () => {
    const { config } = await readFolder("dinov3-huggingface")
    expect(await beyondHuggingFace(config)).toEqual([])
    const more = vitConfig({ ...config, classes: 3, pool: "average", qkNorm: true })
    expect(await beyondHuggingFace(more)).toEqual([
      "a head for classes",
      "features by average",
      "normed queries and keys",
    ])
    const axial = vitConfig(golden("rotary-axial").json.config)
    expect(await beyondHuggingFace(axial)).toContain("rotary positions")
  })
})
