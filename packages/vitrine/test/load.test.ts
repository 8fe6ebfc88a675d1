import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type GoldenTensor, golden, goldenPath, readTensors } from "@vitrine/golden"
import { afterAll, describe, expect, test } from "vitest"
import { load, type Model, attentionConfig } from "../src/node.ts"
import { float32Error } from "./losses.ts"

const folder = goldenPath("vit-folder-tiny")
const { results } = golden("vit-folder-tiny/expected").json as {
  results: { file: string; top: { index: number; label: string; probability: number }[]; logits: number[] }[]
}
const exact = readTensors(goldenPath("vit-folder-tiny/expected.safetensors"))
const picture = join(folder, "wide-rgb.png")

const open: Pick<Model<never>, "close">[] = []
afterAll(async () => {
  for (const model of open) await model.close()
})
async function loaded(...call: Parameters<typeof load>): ReturnType<typeof load> {
  const model = await load(...call)
  open.push(model)
  return model
}

describe.each(["onnx", "onnx-web", "reference"])("timm's folder on %s", (backend) => {
  test("gives timm's logits", async () => {
    const model = await loaded(folder, { backend })
    const logits = await model.logits(results.map(({ file }) => join(folder, file)))
    for (const [i, { file, logits: expected }] of results.entries())
      expect(float32Error(logits[i] as Float32Array, expected), file).toBeLessThan(1)
    const all = Array.from(exact.logits?.data ?? [])
    expect(
      float32Error(
        logits.flatMap((row) => [...row]),
        all,
      ),
    ).toBeLessThan(1)
  })

  test("predicts timm's classes", async () => {
    const model = await loaded(folder, { backend })
    for (const { file, top } of results) {
      const actual = await model.predict(join(folder, file), { top: top.length })
      expect(actual.map(({ index, label }) => [index, label])).toEqual(top.map(({ index, label }) => [index, label]))
      for (const [i, { probability }] of actual.entries()) expect(probability).toBeCloseTo(top[i]?.probability ?? -1, 5)
    }
  })
})

test("probabilities sum to one, the most probable first", async () => {
  const model = await loaded(folder, { backend: "onnx" })
  const all = await model.predict(picture, { top: 100 })
  expect(all.length).toBe(model.config.classes)
  expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12)
  expect(all.map(({ probability }) => probability)).toEqual(
    all.map(({ probability }) => probability).toSorted((a, b) => b - a),
  )
  expect(await model.predict(picture)).toEqual(all.slice(0, 5))
})

test("a path, bytes and pixels are the same image", async () => {
  const model = await loaded(folder, { backend: "onnx" })
  const { decodeImage } = await import("@vitrine/data/node")
  const [expected] = await model.logits([picture])
  expect(await model.logits([new Uint8Array(await readFile(picture))])).toEqual([expected])
  expect(await model.logits([await decodeImage(picture)])).toEqual([expected])
})

test("embeddings are what the head reads", async () => {
  const model = await loaded(folder, { backend: "reference" })
  const features = await model.embed(picture)
  expect(features.length).toBe(attentionConfig(model.config, "this").dim)
  const parameters = readTensors(join(folder, "model.safetensors"))
  const [weight, bias] = [parameters["head.weight"], parameters["head.bias"]]
  const logits = Array.from(bias?.data ?? [], (b, row) =>
    features.reduce((sum, x, i) => sum + x * (weight?.data[row * features.length + i] as number), b),
  )
  expect(float32Error((await model.logits([picture]))[0] as Float32Array, logits)).toBeLessThan(1)
})

test("what each block gives is timm's, by the block's name", async () => {
  const { json, tensors } = golden("interpret")
  const model = await loaded(folder, { backend: "onnx" })
  const names = ["blocks.0", "blocks.1"]
  const actual = await model.inspect(join(folder, json.image), names)
  for (const name of names) {
    const { data, shape } = tensors[`folder.${name}`] as GoldenTensor
    expect(actual[name]?.shape).toEqual(shape)
    expect(Math.max(...data.map((x, i) => Math.abs(x - (actual[name]?.data[i] as number))))).toBeLessThan(5e-5)
  }
})

test("the taps are those that inspect takes, with the shapes that it gives", async () => {
  const model = await loaded(folder, { backend: "onnx" })
  const taps = model.taps()
  expect(taps.map(({ name }) => name)).toContain("blocks.1.attn.weights")
  const actual = await model.inspect(
    picture,
    taps.map(({ name }) => name),
  )
  expect(Object.keys(actual).sort()).toEqual(taps.map(({ name }) => name).sort())
  for (const { name, shape } of taps) expect(actual[name]?.shape, name).toEqual(shape)
})

test.each(["onnx", "onnx-web", "reference"])("gives weights by name on %s", async (backend) => {
  const model = await loaded(folder, { backend })
  const stored = readTensors(join(folder, "model.safetensors"))
  const names = ["pos_embed", "patch_embed.proj.weight", "blocks.0.attn.qkv.bias"]
  const actual = await model.parameters(names)
  for (const name of names) {
    expect(actual[name]?.shape).toEqual(stored[name]?.shape)
    expect(Float32Array.from(actual[name]?.data ?? [])).toEqual(stored[name]?.data)
  }
  await expect(model.parameters(["pos_embed", "no.such"])).rejects.toThrow('the model has no parameter named "no.such"')
})

test("shows an image as the model sees it", async () => {
  const model = await loaded(folder, { backend: "reference" })
  const { mean, std } = model.preprocessing
  const { width, height, channels, data } = await model.view(picture)
  expect([width, height, channels]).toEqual([48, 48, 3])
  const seen = exact.images?.data.slice(0, data.length) ?? []
  const again = Array.from(data, (x, i) => (x / 255 - (mean[i % 3] as number)) / (std[i % 3] as number))
  expect(Math.max(...again.map((x, i) => Math.abs(x - (seen[i] as number))))).toBeLessThan(1e-5)
})

test("inspects intermediate values by name", async () => {
  const model = await loaded(folder, { backend: "onnx" })
  const { imageSize, patchSize, heads, classToken } = attentionConfig(model.config, "this")
  const taps = ["patch_embed.patches", "blocks.0.attn.weights", "probabilities"]
  const actual = await model.inspect(picture, taps)
  expect(Object.keys(actual).sort()).toEqual([...taps].sort())
  const patches = (imageSize[0] / patchSize[0]) * (imageSize[1] / patchSize[1])
  const tokens = patches + (classToken ? 1 : 0)
  const weights = actual["blocks.0.attn.weights"]
  expect(weights?.shape).toEqual([1, heads, tokens, tokens])
  for (let row = 0; row < heads * tokens; row++) {
    const shares = weights?.data.slice(row * tokens, (row + 1) * tokens)
    expect(Array.from(shares ?? []).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
  }
  expect(actual["patch_embed.patches"]?.shape.slice(0, 1)).toEqual([1])
  await expect(model.inspect(picture, ["blocks.99.attn.weights"])).rejects.toThrow(
    'the model has no intermediate value named "blocks.99.attn.weights"',
  )
})

test("one model answers many questions at a time", async () => {
  const model = await loaded(folder, { backend: "onnx" })
  const files = results.map(({ file }) => join(folder, file))
  const alone: unknown[] = []
  for (const file of files) alone.push(await model.predict(file))
  expect(await Promise.all(files.map((file) => model.predict(file)))).toEqual(alone)
})

describe("refuses in one line", () => {
  const edited = async (change: (config: Record<string, unknown>) => void): Promise<string> => {
    const copy = await mkdtemp(join(tmpdir(), "vitrine-"))
    await cp(folder, copy, { recursive: true })
    const config = JSON.parse(await readFile(join(copy, "config.json"), "utf8")) as Record<string, unknown>
    change(config)
    await writeFile(join(copy, "config.json"), JSON.stringify(config))
    return copy
  }
  test.each<[string, () => Promise<string>, RegExp]>([
    ["a folder that is not there", async () => "/nowhere/model", /\/nowhere\/model/],
    ["a folder without a config", async () => mkdtemp(join(tmpdir(), "vitrine-")), /config\.json/],
    [
      "a folder without weights",
      async () => {
        const copy = await edited(() => {})
        await rm(join(copy, "model.safetensors"))
        return copy
      },
      /model\.safetensors/,
    ],
    [
      "another number of classes",
      () => edited((config) => void ((config.model_args as { num_classes: number }).num_classes = 9)),
      /label_names must hold 9 names|head\.weight/,
    ],
    [
      "another model's weights",
      () => edited((config) => void (config.model_args = { embed_dim: 96 })),
      /model\.safetensors: does not hold the model's tensors; missing: "blocks/,
    ],
  ])("%s", async (_, make, message) => {
    const error = await load(await make(), { backend: "reference" }).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError" })
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).not.toContain("\n")
  })

  test("a backend that does not exist", async () => {
    await expect(load(folder, { backend: "abacus" })).rejects.toThrow('no backend "abacus": choose auto, onnx')
  })

  test("labels of other classes are numbers, which is said", async () => {
    const model = await loaded(await edited((config) => void (config.label_names = ["one", "two"])))
    expect(model.labels).toEqual(["0", "1", "2", "3", "4", "5", "6"])
    expect(model.notes).toEqual([
      expect.stringContaining("label_names names 2 classes, but the model has 7: they are called by their numbers"),
    ])
  })

  test("an image that is not there", async () => {
    const model = await loaded(folder, { backend: "onnx" })
    await expect(model.predict("/nowhere/cat.png")).rejects.toThrow("/nowhere/cat.png: cannot be read")
  })
})
