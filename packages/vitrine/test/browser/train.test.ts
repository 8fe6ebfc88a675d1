import { expect, test } from "vitest"
import { load, memoryStore, train } from "../../src/web.ts"
import { data, expectedLosses, float32Error, losses, recipe } from "../losses.ts"

test("the losses are Node's", async () => {
  expect(
    float32Error(await losses(train({ data, recipe, seed: 4, backend: "reference" })), expectedLosses),
  ).toBeLessThan(1e-6)
  expect(float32Error(await losses(train({ data, recipe, seed: 4 })), expectedLosses)).toBeLessThan(1)
})

test("trains, loads what it trained, and knows what it has learnt", async () => {
  const store = memoryStore()
  const accuracies: number[] = []
  for await (const event of train({ data, recipe: { ...recipe, steps: 8 }, store, seed: 1 }))
    if (event.type === "evaluation" && "top1" in event) accuracies.push(event.top1)
  expect(accuracies.length).toBe(1)
  const files = store.files()
  expect(Object.keys(files).sort()).toEqual([
    "checkpoints/step-00000008/model.safetensors",
    "checkpoints/step-00000008/state.json",
    "checkpoints/step-00000008/training.safetensors",
    "config.json",
    "metrics.jsonl",
    "model.safetensors",
  ])
  const dropped = Object.entries(files).map(([path, bytes]) => new File([bytes], path))
  const [fromMemory, fromFiles] = [await load(files), await load(dropped)]
  const image = await data.validation.read(3)
  const actual = await fromMemory.predict(image, { top: 10 })
  expect(actual.map(({ label }) => label).sort()).toEqual([...data.train.classes].sort())
  expect(actual.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12)
  expect(await fromFiles.predict(image, { top: 10 })).toEqual(actual)
  await fromMemory.close()
  await fromFiles.close()
})

test("an interrupted run ends with the bytes of an uninterrupted one", async () => {
  const whole = memoryStore()
  await losses(train({ data, recipe, seed: 4, store: whole }))
  const parts = memoryStore()
  const aborting = new AbortController()
  for await (const event of train({ data, recipe, seed: 4, store: parts, signal: aborting.signal }))
    if (event.type === "step" && event.step === 3) aborting.abort()
  expect(parts.resume()?.step).toBe(3)
  await losses(train({ data, store: parts, resume: true }))
  const last = "checkpoints/step-00000005/training.safetensors"
  expect(parts.files()[last]).toEqual(whole.files()[last])
  expect(parts.files()["model.safetensors"]).toEqual(whole.files()["model.safetensors"])
})

test.each([
  ["webgpu", "onnx-web"],
  ["onnx-web", "webgpu"],
])("a checkpoint begun on %s goes on with %s", async (first, second) => {
  const store = memoryStore()
  const aborting = new AbortController()
  const begun: number[] = []
  for await (const event of train({ data, recipe, seed: 4, store, signal: aborting.signal, backend: first }))
    if (event.type === "step") {
      begun.push(event.loss)
      if (event.step === 3) aborting.abort()
    }
  const rest = await losses(train({ data, store, resume: true, backend: second }))
  expect(rest.length).toBe(2)
  expect(float32Error([...begun, ...rest], expectedLosses)).toBeLessThan(1)
})
