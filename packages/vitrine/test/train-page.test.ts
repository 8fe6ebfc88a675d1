import { mkdtemp, mkdir, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { referenceBackend } from "@vitrine/backend-reference"
import type { Backend } from "@vitrine/core"
import { afterAll, beforeAll, expect, test } from "vitest"
import { load as loadInNode, train as trainInNode } from "../src/node.ts"
import { load, memoryStore, train } from "../src/web.ts"
import { data, expectedLosses, float32Error, losses, recipe } from "./losses.ts"

// The entry for pages, as far as it needs no page.

let backend: Backend
/** A whole run. */
const whole = memoryStore()

beforeAll(async () => {
  backend = await onnxBackend({ worker: false })
  await losses(train({ data, recipe, seed: 4, store: whole, backend }))
})
afterAll(() => backend.close())

test("losses in float64", async () => {
  const reference = train({ data, recipe, seed: 4, backend: referenceBackend() })
  expect(float32Error(await losses(reference), expectedLosses)).toBeLessThan(1e-6)
})

test("a checkpoint of one backend goes on under another", async () => {
  const store = memoryStore()
  const aborting = new AbortController()
  const begun: number[] = []
  for await (const event of train({ data, recipe, seed: 4, store, signal: aborting.signal, backend: "reference" }))
    if (event.type === "step") {
      begun.push(event.loss)
      if (event.step === 3) aborting.abort()
    }
  const rest = await losses(train({ data, store, resume: true, backend }))
  expect(rest.length).toBe(2)
  expect(float32Error([...begun, ...rest], expectedLosses)).toBeLessThan(1)
  const steps = new TextDecoder().decode(store.files()["metrics.jsonl"]).trim().split("\n")
  expect(steps.map((line) => JSON.parse(line)).flatMap((each) => (each.type === "step" ? [each.step] : []))).toEqual([
    1, 2, 3, 4, 5,
  ])
})

test("an interrupted run ends with the bytes of an uninterrupted one", async () => {
  const parts = memoryStore()
  for await (const event of train({ data, recipe, seed: 4, store: parts, checkpointEvery: 2, backend }))
    if (event.type === "step" && event.step === 3) break
  await losses(train({ data, store: parts, resume: true, backend }))
  const last = "checkpoints/step-00000005/model.safetensors"
  expect(parts.files()[last]).toEqual(whole.files()[last])
  expect(parts.resume()?.step).toBe(5)
})

test("a store that holds a run is not used for another", async () => {
  const store = memoryStore()
  await losses(train({ data, recipe: { ...recipe, steps: 1 }, seed: 4, store, backend }))
  const again = losses(train({ data, recipe, seed: 5, store, backend }))
  await expect(again).rejects.toThrow(/the store holds a run already: go on with it \(resume\)/)
})

test("a run in memory is a run folder when it is written down", async () => {
  const store = memoryStore()
  const aborting = new AbortController()
  for await (const event of train({
    data: "shapes",
    recipe,
    seed: 4,
    store,
    signal: aborting.signal,
    backend,
  }))
    if (event.type === "step" && event.step === 3) aborting.abort()
  const folder = await mkdtemp(join(tmpdir(), "vitrine-"))
  for (const [path, bytes] of Object.entries(store.files())) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), bytes)
  }
  const rest = await losses(trainInNode({ resume: folder, backend, workers: 0 }))
  const inMemory = await losses(train({ data: "shapes", store, resume: true, backend }))
  expect(rest.length).toBe(2)
  expect(rest).toEqual(inMemory)
  const weights = await readFile(join(folder, "model.safetensors"))
  expect(new Uint8Array(weights)).toEqual(store.files()["model.safetensors"])

  const image = await data.validation.read(0)
  const [page, node] = [await load(store.files(), { backend }), await loadInNode(folder, { backend })]
  expect(await page.logits([image])).toEqual(await node.logits([image]))
  expect(page.labels).toEqual(data.train.classes)
})

test("resuming needs a run", async () => {
  await expect(losses(train({ data, store: memoryStore(), resume: true }))).rejects.toThrow("no run in the store")
})

test("a run that was put away goes on from its files", async () => {
  const begun = memoryStore()
  for await (const event of train({ data, recipe, seed: 4, store: begun, checkpointEvery: 2, backend }))
    if (event.type === "step" && event.step === 3) break
  const files = begun.files()
  // As a page that is closed while it writes leaves it.
  files["checkpoints/step-00000004/model.safetensors"] = new Uint8Array(8)
  const opened = memoryStore({ ...files, "metrics.jsonl": files["metrics.jsonl"]?.slice(0, -9) ?? new Uint8Array() })
  expect(opened.resume()?.step).toBe(2)
  await losses(train({ data, store: opened, resume: true, backend }))
  const last = "checkpoints/step-00000005/training.safetensors"
  expect(opened.files()[last]).toEqual(whole.files()[last])
  expect(opened.files()["metrics.jsonl"]?.length).toBeGreaterThan(0)
  expect(() => memoryStore({ "model.safetensors": new Uint8Array(8) })).toThrow("has no config.json")
  expect(() => memoryStore({ "config.json": new TextEncoder().encode("{") })).toThrow("config.json")
})

test("a run starts from the weights of another, whose head stays for the same classes", async () => {
  const { ["model.safetensors"]: weights, ["config.json"]: config } = whole.files()
  const from = { "config.json": config as Uint8Array, "model.safetensors": weights as Uint8Array }
  const second = memoryStore()
  const still = { steps: 1, batchSize: 16, learningRate: 0 }
  for await (const event of train({ data, from, recipe: still, store: second, backend }))
    if (event.type === "setup") expect(event.from).toMatchObject({ newHead: false })
  expect(second.files()["model.safetensors"]).toEqual(weights)
  const other = { ...data.train, classes: data.train.classes.map((name) => `${name}s`) }
  for await (const event of train({ data: { train: other }, from, recipe: still, backend }))
    if (event.type === "setup") expect(event.from).toMatchObject({ newHead: true })
})
