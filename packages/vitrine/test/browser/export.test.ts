import { InferenceSession, Tensor } from "onnxruntime-web"
import { expect, test } from "vitest"
import { evaluationTransforms, exportModel, load } from "../../src/web.ts"
import { applyTransforms } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/web"
import { addressOf, expected, fileOf } from "./golden.ts"

const { results } = expected
const [first] = results
const files = async (): Promise<File[]> => [await fileOf("model.safetensors"), await fileOf("config.json")]

const apart = (actual: ArrayLike<number>, logits: readonly number[]): number =>
  Math.max(...logits.map((z, i) => Math.abs(z - (actual[i] as number))))

test("a page's export loads again", async () => {
  const { files: made } = await exportModel(await files(), { to: "timm" })
  expect(Object.keys(made)).toEqual(["config.json", "model.safetensors"])
  const model = await load(made, { worker: false })
  const [logits] = await model.logits([addressOf(first?.file ?? "")])
  expect(apart(logits as Float32Array, first?.logits ?? [])).toBeLessThan(2e-5)
  await model.close()
})

test("its ONNX files run on WebAssembly, quantized ones too", async () => {
  const { files: made, notes } = await exportModel(await files(), {
    to: "onnx",
    precision: ["float32", "float16", "int8"],
  })
  expect(notes).toHaveLength(1)
  const model = await load(await files(), { worker: false })
  const { config, preprocessing } = model
  await model.close()
  const image = await decodeImage(await fileOf(first?.file ?? ""))
  const { data } = applyTransforms(image, evaluationTransforms(preprocessing, config))
  const size = data.length / 3
  const pixels = Float32Array.from(data, (_, i) => data[(i % size) * 3 + Math.floor(i / size)] as number)
  for (const [name, allowed] of [
    ["model", 2e-5],
    ["model_fp16", 0.01],
    ["model_quantized", 0.3],
  ] as const) {
    const bytes = new Uint8Array(await (made[`onnx/${name}.onnx`] as Blob).arrayBuffer())
    const session = await InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 })
    const { logits } = await session.run({ pixel_values: new Tensor("float32", pixels, [1, 3, ...config.imageSize]) })
    expect(apart(logits?.data as Float32Array, first?.logits ?? []), name).toBeLessThan(allowed)
    await session.release()
  }
})
