import { join } from "node:path"
import { openSafetensors, readModelFolder } from "@vitrine/checkpoint/node"
import type { Backend } from "@vitrine/core"
import { golden, goldenPath, readTensors } from "@vitrine/golden"
import { afterAll, describe, expect, test } from "vitest"
import { createBackend, load, type Model } from "../src/node.ts"
import { constantsOf } from "../src/node/load.ts"
import { float32Error } from "./losses.ts"

const models = ["huggingface-vit", "huggingface-deit", "huggingface-rectangle", "huggingface-features"]

const open: Pick<Model<never>, "close">[] = []
afterAll(async () => {
  for (const model of open) await model.close()
})

describe.each(["onnx", "reference"])("Hugging Face's folders on %s", (backend) => {
  test.each(models)("%s gives transformers' logits through its own preprocessing", async (name) => {
    const folder = goldenPath(name)
    const { results } = golden(`${name}/expected`).json as { results: { file: string; logits: number[] }[] }
    const exact = readTensors(goldenPath(`${name}/expected.safetensors`)).logits
    const model = await load(folder, { backend })
    open.push(model)
    const images = results.map(({ file }) => join(folder, file))
    const found = model.config.classes > 0 ? await model.logits(images) : await Promise.all(images.map(model.embed))
    for (const [i, { file, logits }] of results.entries())
      expect(float32Error(found[i] as Float32Array, logits), file).toBeLessThan(1)
    const all = found.flatMap((row) => [...row])
    expect(float32Error(all, Array.from(exact?.data ?? []))).toBeLessThan(1)
  })
})

test.each<[string, [number, number]]>([
  ["huggingface-vit", [64, 80]],
  ["huggingface-features", [80, 32]],
])("%s at %j has positions as transformers resizes them", async (name, imageSize) => {
  const { results } = golden(`${name}/expected`).json as { results: { file: string }[] }
  const exact = readTensors(goldenPath(`${name}/expected.safetensors`)).resized_logits
  const model = await load(goldenPath(name), { backend: "onnx", imageSize })
  open.push(model)
  const images = results.map(({ file }) => join(goldenPath(name), file))
  const found = model.config.classes > 0 ? await model.logits(images) : await Promise.all(images.map(model.embed))
  expect(
    float32Error(
      found.flatMap((row) => [...row]),
      Array.from(exact?.data ?? []),
    ),
  ).toBeLessThan(1)
})

test("a folder's own crop stays until its size or its crop is changed", async () => {
  const folder = goldenPath("huggingface-deit")
  const geometry = async (options: Parameters<typeof load>[1]): Promise<unknown> => {
    const model = await load(folder, { backend: "reference", ...options })
    open.push(model)
    return model.preprocessing.resize
  }
  expect(await geometry({ mean: [0.5] })).toEqual([55, 57])
  expect(await geometry({ cropPct: 0.9 })).toBeUndefined()
  expect(await geometry({ imageSize: 64 })).toBeUndefined()
})

test("float32 tensors stay in their file, but for q, k and v", async () => {
  const folder = await readModelFolder(goldenPath("huggingface-vit"))
  const backend: Backend = await createBackend("onnx")
  const constants = await constantsOf(folder, backend, folder.config)
  const joined = Object.keys(constants).filter((name) => constants[name] instanceof Float32Array)
  expect(joined.toSorted()).toEqual([0, 1].flatMap((i) => [`blocks.${i}.attn.qkv.bias`, `blocks.${i}.attn.qkv.weight`]))
  const file = await openSafetensors(goldenPath("huggingface-vit/model.safetensors"))
  const norm = file.tensors.find(({ name }) => name === "vit.layernorm.weight")
  expect(constants["norm.weight"]).toMatchObject({ offset: norm?.begin, length: 48 * 4 })
  for (const { close } of [file, folder.weights, backend]) await close()
})
