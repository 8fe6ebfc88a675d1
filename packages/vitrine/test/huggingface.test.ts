import { join } from "node:path"
import { openSafetensors, readModelFolder } from "@vitrine/checkpoint/node"
import type { Backend } from "@vitrine/core"
import { golden, goldenPath, readTensors } from "@vitrine/golden"
import { afterAll, describe, expect, test } from "vitest"
import { createBackend, load, type Model } from "../src/node.ts"
import { constantsOf } from "../src/tasks/classify/node/load.ts"
import { float32Error } from "./losses.ts"

const models = [
  "huggingface-vit",
  "huggingface-deit",
  "huggingface-rectangle",
  "huggingface-features",
  "huggingface-deit-teacher",
  "huggingface-deit-token",
  "huggingface-dinov2",
  "huggingface-dinov2-registers",
  "huggingface-dinov2-swiglu",
]

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
    const actual = model.config.classes > 0 ? await model.logits(images) : await Promise.all(images.map(model.embed))
    for (const [i, { file, logits }] of results.entries())
      expect(float32Error(actual[i] as Float32Array, logits), file).toBeLessThan(1)
    const all = actual.flatMap((row) => [...row])
    expect(float32Error(all, Array.from(exact?.data ?? []))).toBeLessThan(1)
  })

  test.each(models)("%s gives what transformers' blocks give", async (name) => {
    const { results } = golden(`${name}/expected`).json as { results: { file: string }[] }
    const exact = readTensors(goldenPath(`${name}/expected.safetensors`))
    const model = await load(goldenPath(name), { backend })
    open.push(model)
    for (const tap of [0, 1].map((block) => `blocks.${block}.residual2`)) {
      const actual = await Promise.all(results.map(({ file }) => model.inspect(join(goldenPath(name), file), [tap])))
      const tokens = actual.flatMap((each) => Array.from(each[tap]?.data ?? []))
      expect(float32Error(tokens, Array.from(exact[tap.slice(0, 8)]?.data ?? [])), tap).toBeLessThan(1)
    }
  })
})

const resized = models.filter((name) => readTensors(goldenPath(`${name}/expected.safetensors`)).resized_images)

test.each(resized)("%s at another size has positions as transformers resizes them", async (name) => {
  const { resized_images, resized_logits } = readTensors(goldenPath(`${name}/expected.safetensors`))
  const [count = 0, height = 0, width = 0] = resized_images?.shape ?? []
  const bytes = Uint8Array.from(resized_images?.data ?? [])
  const size = bytes.length / count
  const images = Array.from({ length: count }, (_, i) => {
    return { width, height, channels: 3, data: bytes.subarray(i * size, (i + 1) * size) } as const
  })
  const options = { imageSize: [height, width], cropMode: "squash", cropPct: 1 } as const
  const model = await load(goldenPath(name), { backend: "onnx", ...options })
  open.push(model)
  const actual = model.config.classes > 0 ? await model.logits(images) : await Promise.all(images.map(model.embed))
  const all = actual.flatMap((row) => [...row])
  expect(float32Error(all, Array.from(resized_logits?.data ?? []))).toBeLessThan(1)
})

test("DINOv2 runs at the size of its preprocessor, or at any other", async () => {
  const size = async (imageSize?: number): Promise<unknown> => {
    const model = await load(goldenPath("huggingface-dinov2"), { backend: "reference", imageSize })
    open.push(model)
    const { resize, cropPct, size: side } = model.preprocessing
    return [model.config.imageSize, side, resize, cropPct]
  }
  expect(await size()).toEqual([[56, 56], [56, 56], 64, 0.875])
  expect(await size(56)).toEqual(await size())
  expect(await size(70)).toEqual([[70, 70], [70, 70], undefined, 0.875])
  await expect(size(60)).rejects.toThrow(/patches of 14×14 do not divide images of 60×60/)
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

test("float32 tensors stay in their file, q, k and v as parts of one", async () => {
  const folder = await readModelFolder(goldenPath("huggingface-vit"))
  const backend: Backend = await createBackend("onnx")
  const constants = await constantsOf(folder, backend, folder.config)
  const file = await openSafetensors(goldenPath("huggingface-vit/model.safetensors"))
  const slicesOf = (...names: string[]): object[] =>
    names.map((wanted) => {
      const { begin, end } = file.tensors.find(({ name }) => name === wanted) as (typeof file.tensors)[number]
      return { path: file.path, offset: begin, length: end - begin }
    })
  expect(constants["norm.weight"]).toEqual(slicesOf("vit.layernorm.weight"))
  const attention = "vit.encoder.layer.1.attention.attention"
  const parts = ["query", "key", "value"].map((part) => `${attention}.${part}.weight`)
  expect(constants["blocks.1.attn.qkv.weight"]).toEqual(slicesOf(...parts))
  for (const { close } of [file, folder.weights, backend]) await close()
})
