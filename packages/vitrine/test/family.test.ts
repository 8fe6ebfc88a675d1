import { copyFile, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Overrides, resizeWeights, toFloat32 } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { vitConfig } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { golden, goldenPath } from "@vitrine/golden"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { load, type Model, attentionConfig } from "../src/node.ts"
import { float32Error } from "./losses.ts"

const { json, tensors } = golden("family")
const { images, files, models } = json as {
  images: string
  files: string[]
  models: { name: string; untold: Overrides; cases: { name: string; imageSize: [number, number] }[] }[]
}
const paths = files.map((file) => goldenPath(images + file))
const folderOf = (name: string): string => goldenPath(`family-${name}`)

/** How far the logits are from timm's, as a share of what is allowed. */
async function error(model: Model<string>, name: string): Promise<number> {
  const logits = await model.logits(paths)
  await model.close()
  const expected = Array.from(tensors[`${name}.logits`]?.data ?? [])
  expect(expected).toHaveLength(files.length * 4)
  return float32Error(
    logits.flatMap((row) => [...row]),
    expected,
  )
}

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-"))
})
afterAll(() => rm(place, { recursive: true }))

describe.each(models.map(({ name, ...rest }) => [name, rest] as const))("%s as timm saves it", (name, model) => {
  const { cases, untold } = model
  test.each(cases.map((one) => [one.name, one] as const))("gives timm's logits: %s", async (grid, { imageSize }) => {
    // The reference backend computes at the model's own size alone. At others the positions are compared by themselves.
    for (const backend of grid === "own" ? ["onnx", "reference"] : ["onnx"])
      expect(await error(await load(folderOf(name), { backend, imageSize }), `${name}.${grid}`), backend).toBeLessThan(
        1,
      )
  })

  test.each(cases.map((one) => [one.name, one] as const))("gives timm's positions: %s", async (grid, { imageSize }) => {
    const { config, weights } = await readModelFolder(folderOf(name))
    const read = async (tensor: string): Promise<Float32Array> => toFloat32(await weights.read(tensor))
    const resized = await resizeWeights(config, vitConfig({ ...attentionConfig(config, "this"), imageSize }), read)
    const table = resized["pos_embed"] ?? (await read("pos_embed"))
    await weights.close()
    const expected = tensors[`${name}.${grid}.pos_embed`]?.data ?? []
    expect(table).toHaveLength(expected.length)
    for (const [i, value] of table.entries()) expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-6)
  })

  test("is the same model without its config.json, by what shapes do not tell", async () => {
    const file = join(place, `${name}.safetensors`)
    await copyFile(join(folderOf(name), "model.safetensors"), file)
    const own = await load(folderOf(name), { backend: "reference" })
    const { size: imageSize, ...preprocessing } = own.preprocessing
    await own.close()
    const { heads: _, ...others } = untold
    await expect(load(file, { backend: "reference", imageSize, ...others })).rejects.toThrow(
      /do not tell the number of heads: say it \(--num-heads\)$/,
    )
    const bare = await load(file, { backend: "onnx", ...preprocessing, imageSize, ...untold })
    expect(bare.config).toEqual({ ...own.config, layerScale: attentionConfig(bare.config, "this").layerScale })
    expect(bare.notes).toEqual([expect.stringMatching(/^has no config\.json: taken for a model with 3 heads/)])
    expect(await error(bare, `${name}.own`)).toBeLessThan(1)
  })
})

test.each(["dinov2-names", "dinov2-names-registers"])("%s are understood as timm understands them", async (name) => {
  const { [`${name}.images`]: pixels, [`${name}.features`]: features } = tensors
  const [count = 0, height = 0, width = 0] = pixels?.shape ?? []
  const bytes = Uint8Array.from(pixels?.data ?? [])
  const image = (i: number): Image => {
    return {
      width,
      height,
      channels: 3,
      data: bytes.subarray((i * bytes.length) / count, ((i + 1) * bytes.length) / count),
    }
  }
  for (const backend of ["onnx", "reference"]) {
    const model = await load(goldenPath(`${name}.safetensors`), { backend, heads: 3, cropMode: "squash", cropPct: 1 })
    const actual = await model.features(Array.from({ length: count }, (_, i) => image(i)))
    await model.close()
    expect(model.config).toMatchObject({ imageSize: [height, width], classes: 0 })
    const all = actual.flatMap((row) => [...row])
    expect(float32Error(all, Array.from(features?.data ?? [])), backend).toBeLessThan(1)
  }
})

test("what a config.json tells cannot be told otherwise", async () => {
  const folder = folderOf("siglip")
  await (await load(folder, { backend: "reference", heads: 3, activation: "gelu_tanh" })).close()
  await expect(load(folder, { backend: "reference", heads: 4 })).rejects.toThrow(/: the model has heads 3, not 4$/)
})
