import { imageModel, type ModelConfig } from "@vitrine/checkpoint"
import { initializeViT, keyFromSeed, vitConfig, vitParameters, VitrineError } from "@vitrine/core"
import { referenceBackend } from "@vitrine/backend-reference"
import type { Image } from "@vitrine/data"
import { describe, expect, test } from "vitest"
import { load } from "../src/web.ts"
import type { WholeModel } from "../src/tasks/classify/whole-model.ts"
import { fitHead, modelFolder, withHead } from "../src/web-measure.ts"

const config = vitConfig({
  imageSize: [8, 8],
  patchSize: [1, 1],
  stem: { root: "3x3", width: 4, depths: [1], groups: 2, numerics: "timm" },
  dim: 8,
  depth: 1,
  heads: 2,
  mlpDim: 16,
  pool: "average",
  classes: 10,
})

const backbone = (of: ModelConfig = config): WholeModel => ({
  config: of,
  preprocessing: {
    size: [8, 8],
    interpolation: "bicubic",
    cropPct: 1,
    cropMode: "center",
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
  labels: null,
  positionMethod: "timm",
  weights: initializeViT(vitParameters(config), config, "fan", keyFromSeed(0)),
})

const picture = (red: number, seed: number): Image => ({
  width: 8,
  height: 8,
  channels: 3,
  data: Uint8Array.from({ length: 192 }, (_, i) => (i % 3 === 0 ? red : (i * 7 + seed * 31) % 200)),
})

const joined = async (chunks: readonly Uint8Array[]): Promise<Uint8Array> =>
  new Uint8Array(await new Blob(chunks.map((chunk) => chunk.slice())).arrayBuffer())

describe("a head on the features of a model", () => {
  test.each(["F32", "F16"] as const)("is a model folder that tells the classes apart, in %s", async (dtype) => {
    const backend = referenceBackend()
    const { "config.json": json, "model.safetensors": weights } = await modelFolder(backbone())
    const frozen = await load(
      { "config.json": await joined(json), "model.safetensors": await joined(weights) },
      { backend },
    )
    const pictures = Array.from({ length: 12 }, (_, i) => picture(i % 2 === 0 ? 20 : 230, i))
    const rows = await frozen.features(pictures)
    const labels = Int32Array.from(pictures, (_, i) => i % 2)
    const head = fitHead({ values: Float32Array.from(rows.flatMap((row) => [...row])), width: 8, labels }, 2)
    expect(head.heldOut?.accuracy).toBe(1)
    const taught = withHead(backbone(), head, ["dark <b>", "red"])
    const files = await modelFolder(taught, dtype)
    const model = await load(
      {
        "config.json": await joined(files["config.json"]),
        "model.safetensors": await joined(files["model.safetensors"]),
      },
      { backend },
    )
    expect(model.labels).toEqual(["dark <b>", "red"])
    for (const [i, each] of pictures.entries())
      expect((await model.predict(each))[0]?.label).toBe(i % 2 === 0 ? "dark <b>" : "red")
    expect(imageModel(model.config).parameters.find(({ role }) => role === "head")?.shape).toEqual([2, 8])
  })

  test("must have the model's width, and the model one head", () => {
    const head = { weight: new Float32Array(6), bias: new Float32Array(2), l2: 1, heldOut: null }
    expect(() => withHead(backbone(), head, ["a", "b"])).toThrow("head.weight must have 16 numbers, got 6")
    const distilled = vitConfig({
      ...config,
      pool: "token",
      classToken: true,
      normAfterPool: false,
      distillationToken: true,
    })
    expect(() => withHead(backbone(distilled), head, ["a", "b"])).toThrow(VitrineError)
  })
})
