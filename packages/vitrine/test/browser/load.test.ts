import { referenceBackend } from "@vitrine/backend-reference"
import { afterAll, describe, expect, test } from "vitest"
import { load, type Model, attentionConfig, VitrineError } from "../../src/web.ts"
import { float32Error } from "../losses.ts"
import { addressOf, expected, fileOf, logitsAt } from "./golden.ts"

const { results } = expected
const open: Pick<Model<never>, "close">[] = []
afterAll(async () => {
  for (const model of open) await model.close()
})
async function loaded(...call: Parameters<typeof load>): ReturnType<typeof load> {
  const model = await load(...call)
  open.push(model)
  return model
}
const files = async (): Promise<File[]> => [await fileOf("model.safetensors"), await fileOf("config.json")]

describe.each<[string, () => ReturnType<typeof load>]>([
  ["by address, on onnxruntime-web", () => loaded(addressOf("config.json"))],
  ["from files, on onnxruntime-web", async () => loaded(await files(), { worker: false })],
  ["from files, on the reference", async () => loaded(await files(), { backend: referenceBackend() })],
])("timm's folder %s", (_, open) => {
  test("gives timm's logits, by this page's decoding and resizing", async () => {
    const model = await open()
    const logits = await model.logits(await Promise.all(results.map(({ file }) => fileOf(file))))
    for (const [i, { file, logits: row }] of results.entries())
      expect(float32Error(logits[i] as Float32Array, row), file).toBeLessThan(1)
    for (const { file, top } of results) {
      const actual = await model.predict(addressOf(file), { top: top.length })
      expect(actual.map(({ index, label }) => [index, label])).toEqual(top.map(({ index, label }) => [index, label]))
      for (const [i, { probability }] of actual.entries()) expect(probability).toBeCloseTo(top[i]?.probability ?? -1, 5)
    }
  })
})

test.each([
  ["tall", { imageSize: [64, 48] as const }],
  ["wide-border", { imageSize: [32, 80] as const, cropMode: "border" as const, cropPct: 0.8, mean: [0.1, 0.3, 0.7] }],
])("at another size gives timm's logits: %s", async (name, overrides) => {
  const model = await loaded(await files(), overrides)
  const logits = await model.logits(await Promise.all(results.map(({ file }) => fileOf(file))))
  const reference = await logitsAt(name)
  expect(reference).toHaveLength(results.length * model.config.classes)
  const actual = logits.flatMap((row) => [...row])
  expect(float32Error(actual, reference)).toBeLessThan(1)
})

test.each<[string, (weights: File) => Parameters<typeof load>[0]]>([
  ["a file", (weights) => weights],
  ["one of several files", (weights) => [new File(["notes"], "notes.txt"), weights]],
  ["bytes by path", (weights) => ({ "tiny/model.safetensors": weights })],
])("weights without a config.json, as %s, give timm's logits", async (_, source) => {
  const whole = await loaded(await files())
  const { heads } = attentionConfig(whole.config, "this")
  const bare = await loaded(source(await fileOf("model.safetensors")), { heads })
  expect(bare.notes.length).toBeGreaterThan(0)
  const image = await fileOf("exact-rgb.png")
  const { mean, std, cropPct, interpolation } = whole.preprocessing
  const hinted = await loaded(source(await fileOf("model.safetensors")), { heads, mean, std, cropPct, interpolation })
  const [logits] = await hinted.logits([image])
  expect(float32Error(logits as Float32Array, [...((await whole.logits([image]))[0] as Float32Array)])).toBeLessThan(1)
})

test("takes what a page has for an image", async () => {
  const model = await loaded(await files())
  const file = await fileOf("wide-rgb.png")
  const element = new Image()
  element.src = URL.createObjectURL(file)
  await element.decode()
  const canvas = document.createElement("canvas")
  Object.assign(canvas, { width: element.naturalWidth, height: element.naturalHeight })
  const context = canvas.getContext("2d") as CanvasRenderingContext2D
  context.drawImage(element, 0, 0)
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height)
  const inputs = [
    file,
    await file.arrayBuffer(),
    new Uint8Array(await file.arrayBuffer()),
    await createImageBitmap(file),
    element,
    canvas,
    pixels,
    addressOf("wide-rgb.png"),
    new URL(addressOf("wide-rgb.png"), location.href),
  ]
  const [first, ...others] = await Promise.all(inputs.map((input) => model.predict(input)))
  expect(first?.[0]?.label).toBe(results.find(({ file }) => file === "wide-rgb.png")?.top[0]?.label)
  for (const other of others) expect(other).toEqual(first)
})

test("looks inside", async () => {
  const model = await loaded(await files())
  const { dim, heads } = attentionConfig(model.config, "this")
  const file = await fileOf("wide-rgb.png")
  expect((await model.embed(file)).length).toBe(dim)
  const { "blocks.0.attn.weights": weights } = await model.inspect(file, ["blocks.0.attn.weights"])
  expect(weights?.shape.slice(0, 2)).toEqual([1, heads])
})

describe("refuses in one line", () => {
  test.each<[string, () => Promise<unknown>, RegExp]>([
    ["an address without a model", () => load("/nowhere/"), /\/nowhere\/: has no config\.json/],
    [
      "files without a model",
      async () => load([await fileOf("wide-rgb.png")]),
      /none of the 1 files is a config\.json/,
    ],
    [
      "broken weights",
      async () => load({ "config.json": await fileOf("config.json"), "model.safetensors": await fileOf("grey.png") }),
      /model\.safetensors: not a safetensors file/,
    ],
    ["an unknown backend", async () => load(await files(), { backend: "abacus" }), /no backend "abacus"/],
    [
      "a broken image",
      async () => (await loaded(await files())).predict(new File(["no image"], "cat.png")),
      /cat\.png: is not a JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF image/,
    ],
    [
      "an image that is not there",
      async () => (await loaded(await files())).predict("http://localhost:9/cat.png"),
      /http:\/\/localhost:9\/cat\.png: cannot be fetched/,
    ],
  ])("%s", async (_, run, message) => {
    const error = await run().catch((thrown: Error) => thrown)
    expect(VitrineError.isInstance(error)).toBe(true)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).not.toContain("\n")
  })
})
