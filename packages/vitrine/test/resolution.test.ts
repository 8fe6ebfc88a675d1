import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { attentionConfig, type Overrides, resizeWeights, toFloat32, toTimmConfig } from "@vitrine/checkpoint"
import { createRun, readModelFolder } from "@vitrine/checkpoint/node"
import { initializeViT, keyFromSeed, vitConfig, vitParameters } from "@vitrine/core"
import { shapes } from "@vitrine/data"
import { golden, goldenPath } from "@vitrine/golden"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { evaluate, load } from "../src/node.ts"
import { float32Error } from "./losses.ts"

const folder = goldenPath("vit-folder-tiny")
const { json, tensors } = golden("resolution")
const { files, cases } = json as {
  files: string[]
  cases: { name: string; imageSize: [number, number]; args: Record<string, never> }[]
}
const paths = files.map((file) => join(folder, file))

/** timm's names in Vitrine's spelling. */
const overridesOf = ({ imageSize, args }: (typeof cases)[number]): Overrides => ({
  imageSize,
  ...Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name.replace(/_./, (c) => c.slice(1).toUpperCase()), value]),
  ),
})

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-"))
})
afterAll(() => rm(place, { recursive: true }))

describe.each(["onnx", "reference"])("at other sizes on %s", (backend) => {
  test.each(cases.map((one) => [one.name, one] as const))("gives timm's logits: %s", async (name, one) => {
    const model = await load(folder, { backend, ...overridesOf(one) })
    expect(model.config.imageSize).toEqual(one.imageSize)
    expect(model.preprocessing.size).toEqual(one.imageSize)
    const logits = await model.logits(paths)
    await model.close()
    const expected = Array.from(tensors[`${name}.logits`]?.data ?? [])
    expect(expected).toHaveLength(files.length * model.config.classes)
    const actual = logits.flatMap((row) => [...row])
    expect(float32Error(actual, expected)).toBeLessThan(1)
  })
})

test.each(cases.map((one) => [one.name, one] as const))("gives timm's table of positions: %s", async (name, one) => {
  const { config, weights } = await readModelFolder(folder)
  const to = vitConfig({ ...attentionConfig(config, "this"), imageSize: one.imageSize })
  const { pos_embed: table } = await resizeWeights(config, to, async (tensor) => toFloat32(await weights.read(tensor)))
  await weights.close()
  const expected = tensors[`${name}.pos_embed`]?.data ?? []
  expect(table).toHaveLength(expected.length)
  for (const [i, value] of table?.entries() ?? []) expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-6)
})

test("the folder's own size and settings change nothing", async () => {
  const own = await load(folder, { backend: "onnx" })
  const { size, ...settings } = own.preprocessing
  const same = await load(folder, { backend: "onnx", imageSize: size[0], ...settings })
  expect(await same.logits(paths)).toEqual(await own.logits(paths))
  expect(same.preprocessing).toEqual(own.preprocessing)
  await own.close()
  await same.close()
})

describe("models without a learned table", () => {
  const shape = { patchSize: [8, 8], dim: 16, depth: 1, heads: 2, mlpDim: 16, classes: 3 } as const
  test.each(["sincos2d", "none"] as const)("%s: are what they are at the other size", async (positions) => {
    const written = async (imageSize: readonly [number, number]): Promise<string> => {
      const config = vitConfig({ ...shape, imageSize, positions })
      const values = initializeViT(vitParameters(config), config, "fan", keyFromSeed(3))
      const path = join(place, `${positions}-${imageSize.join("x")}`)
      const own = { size: imageSize, interpolation: "bilinear", cropPct: 1, cropMode: "center" } as const
      const preprocessing = { ...own, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
      const run = await createRun(path, await toTimmConfig(config, { preprocessing }))
      const stored = vitParameters(config).map(
        ({ name, shape }) => [name, { dtype: "F32", shape, data: values[name] as Float32Array }] as const,
      )
      await run.saveCheckpoint({ step: 1, tensors: stored, trainingTensors: [], state: null })
      await run.close()
      return path
    }
    const [small, large] = [await written([16, 16]), await written([24, 40])]
    const resized = await load(small, { backend: "reference", imageSize: [24, 40] })
    const built = await load(large, { backend: "reference" })
    expect(await resized.logits(paths)).toEqual(await built.logits(paths))
    await resized.close()
    await built.close()
  })
})

test("evaluates at another size", async () => {
  const data = join(place, "pictures")
  const drawings = shapes({ split: "val", size: 14 })
  for (let i = 0; i < drawings.length; i++) {
    const { data: pixels, ...raw } = await drawings.read(i)
    await mkdir(join(data, `class-${i % 7}`), { recursive: true })
    await sharp(pixels, { raw })
      .png()
      .toFile(join(data, `class-${i % 7}`, `${i}.png`))
  }
  const loss = async (overrides: Overrides): Promise<number> =>
    (await evaluate(folder, { data, split: "train", backend: "onnx", ...overrides })).loss
  const own = await loss({})
  expect(await loss({ imageSize: 48, cropPct: 0.9 })).toBe(own)
  expect(await loss({ imageSize: [64, 48] })).not.toBe(own)
  expect(await loss({ mean: [0.2] })).not.toBe(own)
})

test.each<[string, Overrides, RegExp]>([
  ["a size that patches do not divide", { imageSize: 50 }, /: patches of 16×16 do not divide images of 50×50$/],
  ["a size that is none", { imageSize: [48] as never }, /: imageSize must be a count of pixels or \[height, width\]/],
  ["a size of 0", { imageSize: 0 }, /: imageSize must be an integer from 1/],
  ["a crop of nothing", { cropPct: 0 }, /: cropPct must be from 0.1 to 1, got 0$/],
  ["an unknown crop", { cropMode: "edge" as never }, /: cropMode must be one of center, squash, border, got "edge"$/],
  ["an unknown filter", { interpolation: "cubic" as never }, /: interpolation must be one of nearest, box/],
  ["a mean of other channels", { mean: [0, 1] }, /: mean must be 3 numbers, one a channel, got \[0,1\]$/],
  ["a deviation of 0", { std: [0] }, /: std must be above 0, got \[0,0,0\]$/],
])("refuses %s", async (_, overrides, message) => {
  const error = await load(folder, { backend: "reference", ...overrides }).catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ name: "VitrineError", message: expect.stringMatching(message) })
})
