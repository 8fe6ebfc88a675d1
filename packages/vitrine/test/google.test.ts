import { readFile } from "node:fs/promises"
import { golden, goldenPath } from "@vitrine/golden"
import { describe, expect, test } from "vitest"
import { load as loadInNode } from "../src/node.ts"
import { load as loadInPage } from "../src/web.ts"
import { float32Error } from "./losses.ts"

const names = [
  "google-token",
  "google-released",
  "google-gap",
  "big-vision-gap",
  "big-vision-map",
  "big-vision-tok",
  "big-vision-sincos",
  "big-vision-siglip",
  "big-vision-old",
  "google-hybrid",
  "google-hybrid-root",
]

/** Images in bytes, of the size that the model takes. */
function pixels(name: string, tensor: string): { width: number; height: number; channels: 3; data: Uint8Array }[] {
  const { shape = [], data = new Float32Array() } = golden(name).tensors[tensor] ?? {}
  const [count = 0, height = 0, width = 0] = shape
  const size = height * width * 3
  return Array.from({ length: count }, (_, i) => {
    const bytes = Uint8Array.from(data.subarray(i * size, (i + 1) * size))
    return { width, height, channels: 3, data: bytes }
  })
}

const expected = (name: string, tensor: string): number[] => Array.from(golden(name).tensors[tensor]?.data ?? [])
const flat = (rows: readonly Float32Array[]): number[] => rows.flatMap((row) => [...row])

describe.each(["reference", "onnx"])("Google's .npz files on %s", (backend) => {
  test.each(names)("%s gives the logits and the block outputs of Google's own modules", async (name) => {
    const images = pixels(name, "images")
    const { imageSize } = golden(name).json as { imageSize: [number, number] }
    const model = await loadInNode(goldenPath(`${name}.npz`), { backend, imageSize })
    const actual = model.config.classes > 0 ? await model.logits(images) : await Promise.all(images.map(model.embed))
    expect(actual).toHaveLength(2)
    expect(float32Error(flat(actual), expected(name, "logits"))).toBeLessThan(1)
    for (const block of [0, 1]) {
      const taps = await Promise.all(images.map((image) => model.inspect(image, [`blocks.${block}.residual2`])))
      const tokens = taps.flatMap((tap) => Array.from(tap[`blocks.${block}.residual2`]?.data ?? []))
      expect(float32Error(tokens, expected(name, `blocks.${block}`)), `block ${block}`).toBeLessThan(1)
    }
    await model.close()
  })

  const resized = names.filter((name) => golden(name).json.resized !== null)
  test.each(resized)("%s at another size has positions as its origin resizes them", async (name) => {
    const { resized: imageSize } = golden(name).json as { resized: [number, number] }
    const model = await loadInNode(goldenPath(`${name}.npz`), { backend, imageSize })
    expect(model.config.imageSize).toEqual(imageSize)
    const actual = await model.logits(pixels(name, "resized_images"))
    expect(float32Error(flat(actual), expected(name, "resized_logits"))).toBeLessThan(1)
    await model.close()
  })
})

test.each(names)("%s is the same model in a page, from bytes, a file, files and a blob", async (name) => {
  const bytes = new Uint8Array(await readFile(goldenPath(`${name}.npz`)))
  const { imageSize } = golden(name).json as { imageSize: [number, number] }
  const images = pixels(name, "images")
  const file = new File([bytes], `${name}.npz`)
  for (const source of [bytes, file, [file], { [`a/${name}.npz`]: bytes }, new Blob([bytes])]) {
    const model = await loadInPage(source, { backend: "reference", imageSize })
    const actual = model.config.classes > 0 ? await model.logits(images) : await Promise.all(images.map(model.embed))
    expect(float32Error(flat(actual), expected(name, "logits"))).toBeLessThan(1)
    await model.close()
  }
})

test("what is left out or assumed is told", async () => {
  const notes = async (name: string): Promise<readonly string[]> => {
    const model = await loadInNode(goldenPath(`${name}.npz`), { backend: "reference", imageSize: 12 })
    await model.close()
    return model.notes
  }
  expect(await notes("google-token")).toEqual([])
  expect(await notes("big-vision-siglip")).toEqual([
    expect.stringMatching(/^\d+ tensors beside the image tower, such as a text tower's, are left out$/),
  ])
  expect(await notes("big-vision-sincos")).toEqual([
    "holds no positions: they are taken to be sines and cosines, at 12×12",
  ])
})

test("files in a page that are no model are an error of one line", async () => {
  const bytes = new Uint8Array(await readFile(goldenPath("google-token.npz")))
  const options = { backend: "reference" } as const
  await expect(loadInPage({ "a.npz": bytes, "b.npz": bytes }, options)).rejects.toThrow(
    "2 are .npz or .safetensors files: they are no model",
  )
  await expect(loadInPage(bytes.subarray(0, 100), options)).rejects.toThrow(/^the \.npz file: /)
})
