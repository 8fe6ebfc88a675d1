import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { shortestSize } from "@vitrine/detection"
import { golden, type GoldenTensor, goldenPath } from "@vitrine/golden"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { exportModel } from "../src/node.ts"

const source = goldenPath("huggingface-detr")
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitrine-detector-export-"))
})
afterAll(() => rm(folder, { recursive: true }))

describe("a detector in ONNX", () => {
  const { tensors } = golden("huggingface-detr/expected")
  const tensor = (name: string): GoldenTensor => tensors[name] as GoldenTensor
  const [, height, width] = tensor("images").shape as [number, number, number]
  // The first image of the padded batch, without its padding.
  const imageSize = shortestSize([75, 101], 64, [90, 90])
  const [rows, columns] = imageSize
  const pixels = Float32Array.from({ length: 3 * rows * columns }, (_, i) => {
    const [channel, y, x] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns]
    return tensor("images").data[(y * width + x) * 3 + channel] as number
  })

  test.each([
    ["float32", 1e-4],
    ["float16", 0.05],
  ] as const)("gives in %s what transformers gives", async (precision, tolerance) => {
    expect(rows).toBeLessThanOrEqual(height)
    const out = join(folder, `${precision}.onnx`)
    const { files } = await exportModel(source, { to: "onnx", out, imageSize, precision: [precision] })
    expect(files.map(({ path }) => path)).toEqual([`${precision}.onnx`])
    const session = await InferenceSession.create(out)
    const actual = await session.run({ pixel_values: new Tensor("float32", pixels, [1, 3, rows, columns]) })
    for (const [name, expected] of [
      ["logits", tensor("alone.wide.png.logits")],
      ["pred_boxes", tensor("alone.wide.png.boxes")],
    ] as const) {
      expect(actual[name]?.dims).toEqual([1, ...expected.shape])
      const data = actual[name]?.data as Float32Array
      const worst = Math.max(...Array.from(expected.data, (value, i) => Math.abs(value - (data[i] as number))))
      expect(worst, name).toBeLessThan(tolerance)
    }
    await session.release()
  })

  test("is one file, and nothing else", async () => {
    const refused = async (options: Parameters<typeof exportModel>[1]): Promise<string> =>
      exportModel(source, options).then(
        () => "written",
        (error: Error) => error.message,
      )
    const out = join(folder, "other.onnx")
    expect(await refused({ to: "hf", out: join(folder, "hf") })).toMatch(
      /is a detector, which is exported to ONNX alone/,
    )
    expect(await refused({ to: "onnx", out: join(folder, "folder") })).toMatch(/one file that ends in \.onnx/)
    expect(await refused({ to: "onnx", out, precision: ["int8"] })).toMatch(/int8 is for classifiers/)
    expect(await refused({ to: "onnx", out: join(folder, "float32.onnx") })).toMatch(/exists already/)
  })
})
