import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import type { Backend } from "@vitrine/core"
import { characterRows, pixels } from "@vitrine/data"
import { scenes } from "@vitrine/detection"
import { afterAll, beforeAll, expect, test } from "vitest"
import { loadReader as loadReaderInNode, trainDetector as trainDetectorInNode } from "../src/node.ts"
import { evaluate, probe } from "../src/web-measure.ts"
import { type DetectionRecipe, evaluateDetector, loadDetector, trainDetector } from "../src/web-detect.ts"
import { evaluateReader, loadReader, trainReader } from "../src/web-read.ts"
import { load, memoryStore, train } from "../src/web.ts"
import { data, losses, recipe } from "./losses.ts"

// The entries for pages that measure, detect and read, as far as they need no page.

let backend: Backend
const store = memoryStore()
beforeAll(async () => {
  backend = await onnxBackend({ worker: false })
  await losses(train({ data, recipe, seed: 4, store, backend }))
})
afterAll(() => backend.close())

test("a page measures a model: as its own logits say, and by its features", async () => {
  const files = store.files()
  const { validation } = data
  const evaluation = await evaluate(files, { data: validation, backend })
  const model = await load(files, { backend })
  const images = await Promise.all(Array.from({ length: validation.length }, (_, i) => validation.read(i)))
  const right = (await model.logits(images)).filter((row, i) => row.indexOf(Math.max(...row)) === validation.labels[i])
  expect(evaluation.top1).toBeCloseTo(right.length / validation.length, 12)
  expect(evaluation.labels).toEqual(model.labels)
  await model.close()
  const { results, width } = await probe(files, {
    data: { train: data.train, test: validation },
    methods: ["least-squares", "pixels"],
    backend,
  })
  expect(width).toBe(32)
  expect(results.map(({ method }) => method)).toEqual(["least-squares", "pixels"])
  for (const { accuracy } of results) expect(accuracy).toBeGreaterThanOrEqual(0)
})

const size = 8
/** Ten digits as stripes of different brightness. */
const digits = pixels({
  name: "digits",
  classes: Array.from("0123456789"),
  height: size,
  width: size,
  channels: 1,
  pixels: Uint8Array.from({ length: 40 * size * size }, (_, i) => (Math.floor(i / size ** 2) % 10) * 25),
  labels: Int32Array.from({ length: 40 }, (_, i) => i % 10),
})

test("a page trains a model that reads, and both worlds read the same with it", async () => {
  const lines = await characterRows(digits, { size: 32, characters: [1, 2] })
  const store = memoryStore()
  const model = { dim: 16, heads: 2, mlpDim: 32, encoderDepth: 1, decoderDepth: 1 }
  const events = trainReader({
    data: { train: lines },
    recipe: { task: "read", model, steps: 3, batchSize: 8 },
    store,
    backend,
  })
  expect(await losses(events)).toHaveLength(3)
  const folder = await mkdtemp(join(tmpdir(), "vitrine-page-"))
  for (const [path, bytes] of Object.entries(store.files())) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), bytes)
  }
  const [inPage, inNode] = [await loadReader(store.files(), { backend }), await loadReaderInNode(folder, { backend })]
  const image = await lines.read(0)
  expect(await inPage.read([image])).toEqual(await inNode.read([image]))
  const figures = await evaluateReader(store.files(), { data: lines, batchSize: 16, backend })
  const texts = await Promise.all(Array.from({ length: 32 }, async (_, i) => inPage.read([await lines.read(i)])))
  const right = texts.filter(([readings], i) => readings?.[0]?.text === lines.text(i))
  expect(figures).toMatchObject({ data: lines.name, examples: 32, exact: right.length / 32, skipped: [] })
  expect(figures.mistakes.length).toBe(Math.min(20, 32 - right.length))
  await inPage.close()
  await inNode.close()
  await rm(folder, { recursive: true })
})

test("a page trains a detector with Node's losses, and loads it", async () => {
  const drawings = scenes({ split: "train", size: 20_000, seed: 4 })
  const detection: DetectionRecipe = {
    steps: 2,
    batchSize: 2,
    imageSize: [64, 64],
    augment: [],
    model: {
      backbone: {
        kind: "resnet",
        config: { channels: 3, block: "basic", stemWidth: 8, widths: [8], depths: [1], norm: "group", dilated: false },
      },
      dim: 16,
      heads: 2,
      mlpDim: 16,
      queries: 6,
      encoderDepth: 1,
      decoderDepth: 1,
    },
  }
  const store = memoryStore()
  const options = { recipe: detection, seed: 4, backend }
  const inPage = await losses(trainDetector({ ...options, data: { train: drawings }, store }))
  const nodeEvents = trainDetectorInNode({ ...options, data: "scenes", workers: 0 })
  const inNode: number[] = []
  for await (const event of nodeEvents) {
    if (event.type === "step") inNode.push(event.loss)
    if (inNode.length === 2) break
  }
  expect(inPage).toEqual(inNode)
  const detector = await loadDetector(store.files(), { backend })
  expect(detector.labels).toEqual(drawings.classes)
  await detector.close()
  const measured = scenes({ split: "val", size: 500, seed: 0 })
  const four = { ...measured, length: 4 }
  const figures = await evaluateDetector(store.files(), { data: four, batchSize: 3, backend })
  expect(figures.classes.map(({ label }) => label)).toEqual(drawings.classes)
  expect(figures).toMatchObject({ data: measured.name, examples: 4 })
  await expect(
    evaluateDetector(store.files(), { data: { ...four, classes: ["circle", "moon"] }, backend }),
  ).rejects.toThrow('has a class "moon" that the model lacks')
})

test("a model that reads is asked for by its name", async () => {
  await expect(loadReader(store.files(), { backend })).rejects.toThrow("does not read")
})
