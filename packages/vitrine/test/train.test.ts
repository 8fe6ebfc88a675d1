import { cp, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseHeader } from "@vitrine/checkpoint"
import { vitParameters } from "@vitrine/core"
import { shapes } from "@vitrine/data"
import sharp from "sharp"
import { beforeAll, expect, test } from "vitest"
import { evaluate, load, type Recipe, type SetupEvent, type TrainEvent, train } from "../src/node.ts"
import { recipe as short } from "./losses.ts"

const recipe: Recipe = {
  ...short,
  steps: 6,
  evaluateEvery: 3,
  model: { patchSize: [8, 8], dim: 32, depth: 1, heads: 2, mlpDim: 64 },
}
const options = { recipe, seed: 4, workers: 0, backend: "onnx" }
const classes = ["circle", "cross", "square"]
let data: string
let place: string

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-"))
  data = join(place, "pictures")
  const drawings = shapes({ split: "train", size: 60 })
  for (let i = 0; i < drawings.length; i++) {
    const folder = join(data, classes[i % 3] as string)
    await mkdir(folder, { recursive: true })
    const { data: pixels, ...raw } = await drawings.read(i)
    await sharp(pixels, { raw })
      .png()
      .toFile(join(folder, `${i}.png`))
  }
})

type Event = SetupEvent | TrainEvent
async function collect(events: AsyncIterable<Event>): Promise<Event[]> {
  const found: Event[] = []
  for await (const event of events) found.push(event)
  return found
}
const stepsOf = (events: readonly Event[]): (readonly [number, number])[] =>
  events.flatMap((event) => (event.type === "step" ? [[event.step, event.loss] as const] : []))

test("trains on a folder of images, and leaves a folder that loads", async () => {
  const out = join(place, "run")
  const events = await collect(train({ ...options, data, out }))
  const stretch = ["step", "step", "step", "evaluation", "checkpoint"]
  expect(events.map(({ type }) => type)).toEqual(["setup", "start", ...stretch, ...stretch, "end"])
  expect(events[0]).toMatchObject({ run: out, resumed: null, damaged: [], data, classes, examples: 54, validation: 6 })
  expect(events.at(-1)).toMatchObject({ type: "end", step: 6, finished: true })

  const model = await load(out, { backend: "onnx" })
  expect(model.labels).toEqual(classes)
  const [best] = await model.predict(join(data, "circle", "0.png"), { top: 1 })
  expect(classes).toContain(best?.label)
  await model.close()

  const weights = new Uint8Array(await readFile(join(out, "model.safetensors")))
  const { tensors } = parseHeader(weights, { fileSize: weights.length, name: "model.safetensors" })
  const found = Object.fromEntries(tensors.map(({ name, shape }) => [name, shape]))
  expect(found).toEqual(Object.fromEntries(vitParameters(model.config).map(({ name, shape }) => [name, [...shape]])))

  const measured = await evaluate(out, { backend: "onnx" })
  const reported = events.filter((event) => event.type === "evaluation").map(({ top1 }) => top1)
  expect(measured).toMatchObject({ data, split: "val", labels: classes, top1: Math.max(...reported) })
})

test("goes on after an end and after a kill, with the same bytes", async () => {
  const whole = join(place, "whole")
  const expected = stepsOf(await collect(train({ ...options, data, out: whole, checkpointEvery: 2 })))

  const stopped = join(place, "stopped")
  const aborting = new AbortController()
  const first: Event[] = []
  for await (const event of train({ ...options, data, out: stopped, checkpointEvery: 2, signal: aborting.signal })) {
    first.push(event)
    if (event.type === "step" && event.step === 2) aborting.abort()
  }
  expect(first.at(-1)).toMatchObject({ type: "end", step: 2, finished: false })
  const second = await collect(train({ resume: stopped, workers: 0, backend: "onnx" }))
  expect(second[0]).toMatchObject({ type: "setup", run: stopped, resumed: 2, data, classes })
  expect([...stepsOf(first), ...stepsOf(second)]).toEqual(expected)

  const broken = join(place, "broken")
  for await (const event of train({ ...options, data, out: broken, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 5) break
  const third = await collect(train({ resume: broken, workers: 0, backend: "onnx" }))
  expect(stepsOf(third)).toEqual(expected.slice(4))

  const bytes = (run: string, file: string): Promise<Buffer> => readFile(join(run, file))
  for (const run of [stopped, broken]) {
    for (const file of ["model", "training"])
      expect(
        (await bytes(run, `checkpoints/step-00000006/${file}.safetensors`)).equals(
          await bytes(whole, `checkpoints/step-00000006/${file}.safetensors`),
        ),
      ).toBe(true)
    const lines = (await bytes(run, "metrics.jsonl")).toString().trim().split("\n")
    const steps = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === "step")
    expect(steps.map(({ step, loss }) => [step, loss])).toEqual(expected)
  }
})

test("what has been trained to its end is only told so", async () => {
  const out = join(place, "done")
  await collect(train({ ...options, data, out }))
  const again = await collect(train({ resume: out, workers: 0, backend: "onnx" }))
  expect(again.map(({ type }) => type)).toEqual(["setup", "start", "end"])
})

test("trains without a folder, on a backend of the caller's, which stays open", async () => {
  const { onnxBackend } = await import("@vitrine/backend-onnx/node")
  const backend = await onnxBackend({ worker: false })
  const run = { data, recipe, workers: 0, backend }
  const once = stepsOf(await collect(train(run)))
  expect(stepsOf(await collect(train(run)))).toEqual(once)
  expect(stepsOf(await collect(train({ ...run, seed: 1 })))).not.toEqual(once)
  await backend.close()
})

test("refuses in one line", async () => {
  const out = join(place, "used")
  await cp(data, out, { recursive: true })
  const foreign = join(place, "foreign")
  await mkdir(join(foreign, "checkpoints"), { recursive: true })
  await writeFile(join(foreign, "config.json"), "{}")
  for (const [wrong, message] of [
    [{}, "train needs data: a path, or shapes"],
    [{ data: "/nowhere" }, "/nowhere: no such file or folder"],
    [{ data, recipe, out }, `${out}: is not empty`],
    [{ resume: place }, "holds no run"],
    [{ resume: foreign }, "does not say how it was trained"],
    [{ data, recipe: { batchSize: 100 } }, "lower batchSize"],
    [{ data, recipe: { ...recipe, learningRate: 1e30, clip: null } }, "the loss is"],
    [{ data, recipe, backend: "abacus" }, 'no backend "abacus"'],
  ] as const) {
    const error = await collect(train({ workers: 0, backend: "onnx", ...wrong })).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError", message: expect.stringContaining(message) })
    expect((error as Error).message).not.toContain("\n")
  }
})

test("remembers which engines computed a run", async () => {
  const out = join(place, "engines")
  for await (const event of train({ ...options, data, out, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 3) break
  await collect(train({ resume: out, workers: 0, backend: "reference" }))
  const { vitrine } = JSON.parse(await readFile(join(out, "config.json"), "utf8")) as { vitrine: { engines: string[] } }
  expect(vitrine.engines).toHaveLength(2)
  expect(vitrine.engines[0]).toMatch(/^onnxruntime-node .*threads?/)
  expect(vitrine.engines[1]).toMatch(/^float64/)
  expect((await load(out)).config.depth).toBeGreaterThan(0)
})
