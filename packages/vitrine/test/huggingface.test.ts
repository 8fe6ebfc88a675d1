import { join } from "node:path"
import { golden, goldenPath, readTensors } from "@vitrine/golden"
import { afterAll, describe, expect, test } from "vitest"
import { load, type Model } from "../src/node.ts"
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
