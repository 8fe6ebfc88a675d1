import { characterRows, pixels } from "@vitrine/data"
import { scenes } from "@vitrine/detection"
import { afterAll, expect, test } from "vitest"
import { evaluateDetector, trainDetector } from "../../src/web-detect.ts"
import { evaluate, probe } from "../../src/web-measure.ts"
import { evaluateReader, loadReader, trainReader } from "../../src/web-read.ts"
import { createBackend, memoryStore, train } from "../../src/web.ts"
import { data, losses, recipe } from "../losses.ts"

// The entries beside `vitrine/web`, in a page. That they compute what Node does is shown in test/page-tasks.test.ts.

const backend = await createBackend("onnx-web", { worker: false })
afterAll(() => backend.close())

test("a page trains and measures a classifier, and probes its features", async () => {
  const store = memoryStore()
  await losses(train({ data, recipe: { ...recipe, steps: 2 }, seed: 4, store, backend }))
  const { top1, labels } = await evaluate(store.files(), { data: data.validation, backend })
  expect(top1).toBeGreaterThanOrEqual(0)
  expect(labels).toEqual(data.validation.classes)
  const { results } = await probe(store.files(), {
    data: { train: data.train, test: data.validation },
    methods: ["least-squares", "pixels"],
    backend,
  })
  expect(results.map(({ method }) => method)).toEqual(["least-squares", "pixels"])
})

test("a page trains and measures a detector", async () => {
  const store = memoryStore()
  const drawings = scenes({ split: "train", size: 3, seed: 4, imageSize: [32, 32] })
  const config = {
    channels: 3,
    block: "basic",
    stemWidth: 8,
    widths: [8],
    depths: [1],
    norm: "group",
    dilated: false,
  } as const
  const model = {
    backbone: { kind: "resnet", config },
    dim: 16,
    heads: 2,
    mlpDim: 16,
    queries: 6,
    encoderDepth: 1,
    decoderDepth: 1,
  } as const
  const small = { steps: 1, batchSize: 2, imageSize: [32, 32], augment: [], model } as const
  expect(await losses(trainDetector({ data: { train: drawings }, recipe: small, store, backend }))).toHaveLength(1)
  const { ap, examples, classes } = await evaluateDetector(store.files(), { data: drawings, backend })
  expect(examples).toBe(3)
  expect(ap).toBeGreaterThanOrEqual(0)
  expect(classes.map(({ label }) => label)).toEqual(drawings.classes)
})

test("a page trains and measures a model that reads, and reads with it", async () => {
  const store = memoryStore()
  const size = 8
  const digits = pixels({
    name: "digits",
    classes: Array.from("0123456789"),
    height: size,
    width: size,
    channels: 1,
    pixels: Uint8Array.from({ length: 20 * size * size }, (_, i) => (Math.floor(i / size ** 2) % 10) * 25),
    labels: Int32Array.from({ length: 20 }, (_, i) => i % 10),
  })
  const lines = await characterRows(digits, { size: 4, characters: [1, 2] })
  const model = { dim: 16, heads: 2, mlpDim: 32, encoderDepth: 1, decoderDepth: 1 }
  const small = { task: "read", model, steps: 2, batchSize: 4 } as const
  expect(await losses(trainReader({ data: { train: lines }, recipe: small, store, backend }))).toHaveLength(2)
  const { examples, exact, mistakes } = await evaluateReader(store.files(), { data: lines, backend })
  expect(examples).toBe(4)
  expect(mistakes).toHaveLength(4 - 4 * exact)
  const reader = await loadReader(store.files(), { backend })
  const canvas = new OffscreenCanvas(16, 8)
  canvas.getContext("2d")?.fillRect(0, 0, 16, 8)
  const [[reading] = []] = await reader.read([canvas.transferToImageBitmap()])
  expect(reading?.characters.length).toBeLessThanOrEqual(reader.record.recipe.config.length)
  await reader.close()
})
