import { cp, mkdir, mkdtemp, readdir, readFile, rename, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { imageModel, parseHeader, toFloat32, writeSafetensors } from "@vitrine/checkpoint"
import { findCheckpoint, readMetrics, readModelFolder } from "@vitrine/checkpoint/node"
import { golden, goldenPath } from "@vitrine/golden"
import sharp from "sharp"
import { beforeAll, expect, test } from "vitest"
import {
  evaluate,
  type EvaluateOptions,
  type Evaluation,
  load,
  probe,
  type Recipe,
  train,
  type TrainOptions,
} from "../src/node.ts"
import { learningRate as rateOf, type TrainingOptions } from "@vitrine/trainer"
import { recipe as short } from "./losses.ts"
import { classes, collect, type Event, writePictures } from "./pictures.ts"

const recipe: Recipe = {
  ...short,
  steps: 6,
  evaluateEvery: 3,
  model: { patchSize: [8, 8], dim: 32, depth: 1, heads: 2, mlpDim: 64 },
}
const options = { recipe, seed: 4, workers: 0, backend: "onnx" }
let data: string
let place: string
/** A whole run, which several tests begin with. */
let source: string
let sourceEvents: readonly Event[]

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-"))
  data = join(place, "pictures")
  await writePictures(data)
  source = join(place, "source")
  sourceEvents = await collect(train({ ...options, data, out: source }))
})

const stepsOf = (events: readonly Event[]): (readonly [number, number])[] =>
  events.flatMap((event) => (event.type === "step" ? [[event.step, event.loss] as const] : []))

test("trains on a folder of images, and leaves a folder that loads", async () => {
  const [out, events] = [source, sourceEvents]
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
  const actual = Object.fromEntries(tensors.map(({ name, shape }) => [name, shape]))
  expect(actual).toEqual(
    Object.fromEntries(imageModel(model.config).parameters.map(({ name, shape }) => [name, [...shape]])),
  )

  const measured = await evaluate(out, { backend: "onnx" })
  const reported = events.flatMap((event) => (event.type === "evaluation" && "top1" in event ? [event.top1] : []))
  expect(measured).toMatchObject({ data, split: "val", labels: classes, top1: Math.max(...reported) })
})

test("a batch learns the same in any number of micro-batches, to the end of a pass and after a resume", async () => {
  // A pass has four batches of 16 with a last one of 6, so that some of its micro-batches are empty. Mixing would pair
  // the images of a micro-batch.
  const { mix: _, ...unmixed } = recipe
  const run = async (microBatches: number, more: Partial<TrainOptions> = {}): Promise<readonly Event[]> => {
    const cut = { ...unmixed, steps: 8, batchSize: 16, microBatches, evaluateEvery: 4 }
    return collect(train({ ...options, recipe: cut, data, out: join(place, `cut-${microBatches}`), ...more }))
  }
  const figures = (events: readonly Event[]): number[] =>
    events.flatMap((event) => (event.type === "step" || event.type === "evaluation" ? [event.loss] : []))
  const whole = await run(1)
  const last = async (name: string): Promise<Uint8Array> =>
    readFile(join(place, name, "checkpoints", "step-00000008", "model.safetensors"))
  for (const microBatches of [2, 8]) {
    const events = await run(microBatches)
    expect(events.flatMap((event) => (event.type === "start" ? [event.stepsPerEpoch] : []))).toEqual([4])
    for (const [i, loss] of figures(events).entries()) expect(loss).toBeCloseTo(figures(whole)[i] ?? Number.NaN, 5)
  }
  const stop = new AbortController()
  const out = join(place, "cut-stopped")
  const stopped = { out, signal: stop.signal }
  for await (const event of train({
    ...options,
    recipe: { ...unmixed, steps: 8, batchSize: 16, microBatches: 8, evaluateEvery: 4 },
    data,
    ...stopped,
  }))
    if (event.type === "step" && event.step === 5) stop.abort()
  await collect(train({ resume: out, workers: 0, backend: "onnx" }))
  expect(await last("cut-stopped")).toEqual(await last("cut-8"))
})

test("a test folder is measured under its own name, and chooses no model", async () => {
  const folder = join(place, "splits")
  for (const name of classes) {
    await cp(join(data, name), join(folder, "Training", name), { recursive: true })
    await cp(join(data, name), join(folder, "Testing", name), { recursive: true })
  }
  const out = join(place, "tested")
  const events = await collect(train({ ...options, data: folder, out }))
  const splitNames = { train: "Training", test: "Testing" }
  expect(events[0]).toMatchObject({ examples: 60, validation: 0, test: 60, splitNames, classCounts: [20, 20, 20] })
  expect(events.filter(({ type }) => type === "evaluation")).toMatchObject([{ split: "test" }, { split: "test" }])
  const last = await readFile(join(out, "checkpoints", "step-00000006", "model.safetensors"))
  expect(await readFile(join(out, "model.safetensors"))).toEqual(last)
  expect(await evaluate(out, { backend: "onnx" })).toMatchObject({ split: "test", examples: 60 })
  await expect(evaluate(out, { backend: "onnx", split: "val" })).rejects.toThrow(/no validation images.*: train, test/)
})

test("a broken image is named once, does not count, and a changed folder is refused at resume", async () => {
  const folder = join(place, "cut")
  await cp(data, folder, { recursive: true })
  const cut = join(folder, "circle", "0.png")
  await writeFile(cut, (await readFile(cut)).subarray(0, 60))
  const run = { ...options, data: folder, valFraction: 0 }
  await expect(collect(train({ ...run, strict: true }))).rejects.toThrow(/circle\/0\.png: broken PNG image/)
  const whole = await collect(train(run))
  const broken = whole.filter(({ type }) => type === "broken")
  expect(broken).toEqual([
    { type: "broken", step: expect.any(Number), message: expect.stringContaining("0.png: broken PNG image") },
  ])
  const out = join(place, "cut-run")
  for await (const event of train({ ...run, out, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 3) break
  const rest = await collect(train({ resume: out, workers: 0, backend: "onnx" }))
  expect(stepsOf(rest)).toEqual(stepsOf(whole).slice(2))
  const metrics = await readMetrics(join(out, "metrics.jsonl"))
  expect(metrics.filter(({ type }) => type === "broken")).toEqual(broken)
  await rename(join(folder, "circle", "3.png"), join(folder, "circle", "4.png"))
  await expect(collect(train({ resume: out, workers: 0, backend: "onnx" }))).rejects.toThrow(
    /its images are no longer those of the run, which began with 60 files of [\d,]+ bytes; now there are/,
  )
})

test("broken images are counted over the whole run, before and after a resume", async () => {
  const folder = join(place, "cuts")
  await cp(data, folder, { recursive: true })
  for (const name of ["circle", "square"])
    for (const file of (await readdir(join(folder, name))).slice(0, 5))
      await writeFile(join(folder, name, file), new Uint8Array(60))
  const out = join(place, "cuts-run")
  const once = { ...recipe, batchSize: 4, steps: 15 }
  for await (const event of train({ ...options, data: folder, valFraction: 0, recipe: once, out, checkpointEvery: 1 }))
    if (event.type === "checkpoint" && event.step === 8) break
  await expect(collect(train({ resume: out, workers: 0, backend: "onnx" }))).rejects.toThrow(
    /10 of 60 images cannot be read/,
  )
})

test("masked patches are learned from a flat folder", async () => {
  const flat = join(place, "flat")
  await cp(join(data, "circle"), flat, { recursive: true })
  await writeFile(join(flat, "notes.txt"), "")
  await mkdir(join(flat, "more"))
  await rename(join(flat, "0.png"), join(flat, "more", "0.png"))
  const learning = { task: "masked-patch", steps: 1, batchSize: 4 } as const
  const [setup] = await collect(train({ ...options, data: flat, recipe: { ...recipe, ...learning } }))
  expect(setup).toMatchObject({
    examples: 18,
    validation: 2,
    classes: [],
    passedOver: [expect.stringContaining(".txt")],
  })
})

test("leaves no folder when it fails before its first step", async () => {
  const out = join(place, "nothing")
  const failing = collect(train({ ...options, data, out, recipe: { ...recipe, freeze: ["block.0"] } }))
  await expect(failing).rejects.toThrow('freeze: no parameter is named "block.0"')
  expect(await readdir(place)).not.toContain("nothing")
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
  const again = await collect(train({ resume: source, workers: 0, backend: "onnx" }))
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
    [
      { data, recipe: { batchSize: 100, dropLast: true } },
      "batchSize: a batch of 100 needs more than the 54 training images; lower it (--batch-size)",
    ],
    [{ data, recipe: { ...recipe, learningRate: 1e30, clip: null } }, "the loss is"],
    [{ data, recipe: Object.assign({ seed: 3 }, recipe) }, "recipe: seed is no part of a recipe: give it to the run"],
    [
      { data, recipe, classes: [classes[0]] },
      `all its images are of one class, "${classes[0]}": a classifier needs two or more`,
    ],
    [{ data, recipe, backend: "abacus" }, 'no backend "abacus"'],
  ] as const) {
    const error = await collect(train({ workers: 0, backend: "onnx", ...wrong })).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError", message: expect.stringContaining(message) })
    expect((error as Error).message).not.toContain("\n")
  }
})

async function setupOf(more: TrainOptions): Promise<Event | undefined> {
  for await (const event of train({ ...options, data, ...more })) return event
  return undefined
}

test("a batch that the user did not choose is lowered to the images that there are, which the setup says", async () => {
  const many = { ...recipe, batchSize: 64, dropLast: true }
  expect(await setupOf({ recipe: many, lowersBatch: true })).toMatchObject({
    recipe: { batchSize: 54 },
    dataNotes: ["a batch is all 54 images: the recipe's batch of 64 is lowered (else: --batch-size)"],
  })
  await expect(setupOf({ recipe: many })).rejects.toThrow(/a batch of 64 needs more than the 54 training images/)
  const fits = { recipe: { ...many, batchSize: 54 }, lowersBatch: true }
  expect(await setupOf(fits)).toMatchObject({ recipe: { batchSize: 54 }, dataNotes: [] })
})

test("few validation images choose no model of a run that starts from another, unless the recipe says how", async () => {
  const { model: _, ...rest } = recipe
  expect(await setupOf({ recipe: rest, from: source })).toMatchObject({ recipe: { best: "last" } })
  expect(await setupOf({ recipe: { ...rest, best: "loss" }, from: source })).toMatchObject({ recipe: { best: "loss" } })
})

test("a copied run whose data have moved asks for them, and knows them again", async () => {
  const [before, after, out] = [join(place, "before"), join(place, "after"), join(place, "moved-run")]
  await cp(source, out, { recursive: true })
  const file = join(out, "config.json")
  await writeFile(file, (await readFile(file, "utf8")).replaceAll(JSON.stringify(data), JSON.stringify(before)))
  const asks = /before: no such file or folder, and .*moved-run was trained on it: say where .*--data FOLDER/
  await expect(evaluate(out, { backend: "onnx" })).rejects.toThrow(asks)
  await expect(probe(out, { backend: "onnx" })).rejects.toThrow(asks)
  await expect(collect(train({ resume: out, workers: 0, backend: "onnx" }))).rejects.toThrow(asks)
  await cp(data, after, { recursive: true })
  expect(await evaluate(out, { backend: "onnx", data: after })).toMatchObject({ split: "val", examples: 6 })
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
  expect((await load(out)).config.classes).toBeGreaterThan(0)
})

test("a resumed run refuses data whose classes have changed, by name", async () => {
  const [copy, out] = [join(place, "renamed"), join(place, "renamed-run")]
  await cp(data, copy, { recursive: true })
  for await (const event of train({ ...options, data: copy, out, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 3) break
  const [first] = classes
  await rename(join(copy, first), join(copy, "zebra"))
  await expect(collect(train({ resume: out, workers: 0, backend: "onnx" }))).rejects.toThrow(
    new RegExp(`its classes are no longer those of the run: "${first}" is missing, "zebra" is new`),
  )
})

/** Another set of drawings: two classes. */
async function twoClasses(): Promise<string> {
  const folder = join(place, "two-classes")
  for (const name of classes.slice(0, 2)) await cp(join(data, name), join(folder, name), { recursive: true })
  return folder
}

const weightsOf = async (run: string): Promise<Map<string, Float32Array>> => {
  const { weights } = await readModelFolder(run)
  const all = new Map<string, Float32Array>()
  for (const { name } of weights.tensors) all.set(name, toFloat32(await weights.read(name)))
  await weights.close()
  return all
}

test("starts from another model at a larger size, and with other classes", async () => {
  const stored = await weightsOf(source)

  // A learning rate of 0 shows what a run starts from.
  const still = { batchSize: 16, steps: 1, learningRate: 0, weightDecay: 0 }
  const larger = join(place, "larger")
  const events = await collect(
    train({ ...options, from: source, data, out: larger, recipe: { ...still, model: { imageSize: [48, 40] } } }),
  )
  expect(events[0]).toMatchObject({ from: { model: source, newHead: false } })
  const { config, preprocessing, weights, json } = await readModelFolder(larger)
  await weights.close()
  expect(config).toMatchObject({ imageSize: [48, 40], patchSize: [8, 8], dim: 32, depth: 1, classes: 3 })
  expect(json).toMatchObject({ vitrine: { from: source } })
  const resized = await load(source, { backend: "onnx", imageSize: [48, 40] })
  expect(preprocessing).toEqual(resized.preprocessing)
  const same = await load(larger, { backend: "onnx" })
  const picture = join(data, "circle", "0.png")
  expect(await same.logits([picture])).toEqual(await resized.logits([picture]))
  await same.close()
  await resized.close()

  const other = join(place, "other")
  const [setup, ...rest] = await collect(
    train({ ...options, from: source, data: await twoClasses(), out: other, recipe: still }),
  )
  expect(setup).toMatchObject({ classes: classes.slice(0, 2), from: { newHead: true } })
  expect(rest.at(-1)).toMatchObject({ type: "end", finished: true })
  const actual = await weightsOf(other)
  expect(actual.get("head.weight")).toEqual(new Float32Array(2 * 32))
  for (const [name, values] of stored) if (!name.startsWith("head.")) expect(actual.get(name), name).toEqual(values)
})

test("a run from another model learns, and is resumed without it, or before the first checkpoint with it", async () => {
  const origin = join(place, "origin")
  await cp(source, origin, { recursive: true })
  const run = { ...options, data, from: origin, recipe: { batchSize: 16, steps: 4, evaluateEvery: 2 } }
  const whole = stepsOf(await collect(train({ ...run, out: join(place, "from-whole") })))
  expect(whole).toHaveLength(4)
  expect(whole).not.toEqual(stepsOf(await collect(train({ ...run, from: undefined, recipe: { ...recipe, steps: 4 } }))))

  const early = join(place, "from-early")
  for await (const event of train({ ...run, out: early })) if (event.type === "step" && event.step === 1) break
  const again = await collect(train({ resume: early, workers: 0, backend: "onnx" }))
  expect(again[0]).toMatchObject({ resumed: 0, from: { model: origin } })
  expect(stepsOf(again)).toEqual(whole)

  const late = join(place, "from-late")
  for await (const event of train({ ...run, out: late })) if (event.type === "step" && event.step === 3) break
  await rename(origin, `${origin}-moved`)
  const rest = await collect(train({ resume: late, workers: 0, backend: "onnx" }))
  expect(rest[0]).toMatchObject({ resumed: 2, from: null })
  expect(stepsOf(rest)).toEqual(whole.slice(2))
})

test("takes timm's folder in colour for grey images, and refuses another model", async () => {
  const from = goldenPath("vit-folder-tiny")
  const short = { batchSize: 16, steps: 1 }
  const grey = join(place, "grey")
  for (const name of classes) {
    await mkdir(join(grey, name), { recursive: true })
    for (const file of await readdir(join(data, name)))
      await sharp(join(data, name, file))
        .grayscale()
        .toColourspace("b-w")
        .png()
        .toFile(join(grey, name, file))
  }
  const [setup] = await collect(train({ ...options, from, data: grey, recipe: short }))
  expect(setup).toMatchObject({
    recipe: { config: { channels: 3, classes: 3, imageSize: [48, 48], dim: 48 }, cropPct: 0.9 },
  })
  for (const [model, message] of [
    [{ dim: 96 }, `the run's model has dim 96, but that of ${from} has 48`],
    ["Ti/16", `the run's model has dim 192, but that of ${from} has 48`],
    [{ imageSize: [40, 48] }, "patches of 16×16 do not divide images of 40×48"],
  ] as const)
    await expect(collect(train({ ...options, from, data, recipe: { ...short, model } }))).rejects.toThrow(message)
})

test("goes on from Hugging Face's weights: a run without a step of its own embeds as they do", async () => {
  const from = goldenPath("huggingface-vit")
  const out = join(place, "from-huggingface")
  const still = { batchSize: 16, steps: 1, learningRate: 0, weightDecay: 0 }
  const [setup] = await collect(train({ ...options, from, data, out, recipe: still }))
  expect(setup).toMatchObject({ recipe: { config: { layerNormEpsilon: 1e-12, classes: 3 } }, from: { newHead: true } })
  const [own, run] = [await load(from, { backend: "onnx" }), await load(out, { backend: "onnx" })]
  // Of the size of the input, so that neither resizes it.
  const pixels = Uint8Array.from({ length: 48 * 48 * 3 }, (_, i) => (i * 37) % 251)
  const picture = { width: 48, height: 48, channels: 3, data: pixels } as const
  expect(await run.embed(picture)).toEqual(await own.embed(picture))
  await own.close()
  await run.close()
})

test("a run keeps how the model that it starts from sees images", async () => {
  const out = join(place, "squash")
  const from = goldenPath("huggingface-vit")
  await collect(train({ ...options, from, data, recipe: { steps: 1, batchSize: 4 }, out }))
  const { preprocessing } = await load(out, { backend: "reference" })
  expect(preprocessing).toMatchObject({ cropMode: "squash", cropPct: 1, interpolation: "bilinear" })
})

test("trains on some classes, and a few images of each, and is resumed and evaluated on the same", async () => {
  const out = join(place, "few")
  const few = { ...options, data, recipe: { ...recipe, batchSize: 4 }, classes: ["square", "circle"], perClass: 5 }
  const all = await collect(train({ ...few, out }))
  expect(all[0]).toMatchObject({ classes: ["circle", "square"], examples: 10, validation: 4 })
  const early = join(place, "few-early")
  for await (const event of train({ ...few, out: early, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 3) break
  const rest = await collect(train({ resume: early, workers: 0, backend: "onnx" }))
  expect(stepsOf(rest)).toEqual(stepsOf(all).slice(2))
  const measured = await evaluate(out, { backend: "onnx" })
  expect(measured).toMatchObject({ examples: 4, labels: ["circle", "square"] })
  expect(await evaluate(out, { backend: "onnx", data, classes: ["circle", "square"] })).toEqual(measured)
  await expect(evaluate(out, { backend: "onnx", data })).rejects.toThrow('"cross"; give the data it was trained for')
})

test("a new head starts at 0 as a single layer, and learns alone where the backbone is frozen", async () => {
  const hiddenRun = join(place, "hidden")
  const hidden = {
    ...recipe,
    model: { ...(recipe.model as object), preLogits: { dim: 8, activation: "tanh" } },
  } as const
  await collect(train({ ...options, data, out: hiddenRun, recipe: hidden }))
  const stored = await weightsOf(hiddenRun)
  const out = join(place, "frozen")
  const probe: Recipe = { batchSize: 16, steps: 3, optimizer: { name: "sgd", momentum: 0.9 }, freeze: ["backbone"] }
  const run = { ...options, data: await twoClasses(), from: hiddenRun, out }
  const [setup] = await collect(train({ ...run, recipe: { ...probe, init: "timm" } }))
  expect(setup).toMatchObject({ from: { newHead: true }, recipe: { config: { classes: 2, preLogits: null } } })
  const actual = await weightsOf(out)
  expect(actual.get("head.weight")?.some((value) => value !== 0)).toBe(true)
  expect([...actual.keys()].filter((name) => name.startsWith("pre_logits."))).toEqual([])
  for (const [name, values] of stored) if (!/^(head|pre_logits)\./.test(name)) expect(actual.get(name)).toEqual(values)
  const still = { ...probe, steps: 1, learningRate: 0 }
  await collect(train({ ...run, out: join(place, "zero"), recipe: { ...still, init: "timm" } }))
  expect((await weightsOf(join(place, "zero"))).get("head.weight")).toEqual(new Float32Array(2 * 32))
})

test("classes of other names get a new head, though they are as many", async () => {
  const renamed = join(place, "renamed")
  for (const name of classes) await cp(join(data, name), join(renamed, `my-${name}`), { recursive: true })
  const short = { batchSize: 16, steps: 1 }
  const [same] = await collect(train({ ...options, data, from: source, recipe: short }))
  const [other] = await collect(train({ ...options, data: renamed, from: source, recipe: short }))
  expect([same, other]).toMatchObject([{ from: { newHead: false } }, { from: { newHead: true } }])
})

test("publishes the checkpoint that is the best by the recipe's figure, or the last; each can be loaded", async () => {
  const published = async (best: NonNullable<Recipe["best"]>): Promise<number | undefined> => {
    const out = join(place, `best-${best}`)
    const events = await collect(train({ ...options, data, out, recipe: { ...recipe, evaluateEvery: 1, best } }))
    const evaluations = events.flatMap((event) => (event.type === "evaluation" && "top1" in event ? [event] : []))
    const by: Readonly<Record<string, (e: Evaluation) => number>> = {
      top1: (e) => e.top1,
      loss: (e) => -e.loss,
      "mean-per-class": (e) => e.meanPerClass,
    }
    const figure = by[best] ?? (() => 0)
    const most = Math.max(...evaluations.map(figure))
    const ties = evaluations.filter((e) => figure(e) === most)
    const chosen = best === "last" ? evaluations.at(-1) : ties.reduce((a, b) => (b.loss <= a.loss ? b : a))
    expect(await evaluate(out, { backend: "onnx" })).toMatchObject({ loss: chosen?.loss, top1: chosen?.top1 })
    return chosen?.step
  }
  for (const best of ["top1", "loss", "mean-per-class", "last"] as const) await published(best)
  await expect(published("ap")).rejects.toThrow(
    'best must be one of top1, loss, mean-per-class, last for these labels, got "ap"',
  )
  const run = join(place, "best-loss")
  const last = await findCheckpoint(run, "last")
  expect((await evaluate(last.path, { backend: "onnx" })).loss).toBe(
    (await evaluate(join(place, "best-last"), { backend: "onnx" })).loss,
  )
})

test("measures all of another folder, and the parts that it is asked for", async () => {
  const run = join(place, "best-last")
  const copy = join(place, "elsewhere")
  await cp(data, copy, { recursive: true })
  const measured = async (options: EvaluateOptions): Promise<unknown> => {
    const { split, examples } = await evaluate(run, { backend: "onnx", ...options })
    return [split, examples]
  }
  expect(await measured({ data: copy })).toEqual(["all", 60])
  expect(await measured({ data: copy, split: "val" })).toEqual(["val", 6])
  expect(await measured({ data })).toEqual(["val", 6])
  expect(await measured({ split: "train" })).toEqual(["train", 54])
  expect(await measured({ split: "all" })).toEqual(["all", 60])
})

test("a run that is resumed can get more steps: the schedule is computed anew, and the record lists both lengths", async () => {
  const out = join(place, "longer")
  await collect(train({ ...options, data, out }))
  const events = await collect(train({ resume: out, steps: 9, workers: 0, backend: "onnx" }))
  expect(events[0]).toMatchObject({ resumed: 6, extensions: [{ step: 6, steps: 6 }] })
  expect(events.at(-1)).toMatchObject({ step: 9, finished: true })
  const rates = events.flatMap((event) => (event.type === "step" ? [event.learningRate] : []))
  const { learningRate, schedule } = (await collect(train({ resume: out, workers: 0, backend: "onnx" })))
    .flatMap((event) => (event.type === "setup" ? [event.recipe.training] : []))
    .at(0) as TrainingOptions
  expect(rates).toEqual([6, 7, 8].map((step) => rateOf(learningRate, schedule, step, 9)))
  const { vitrine } = JSON.parse(await readFile(join(out, "config.json"), "utf8"))
  expect(vitrine).toMatchObject({ recipe: { training: { steps: 9 } }, extensions: [{ step: 6, steps: 6 }] })
  const again = (length: object): Promise<unknown> =>
    collect(train({ resume: out, workers: 0, backend: "onnx", ...length }))
  await expect(again({ steps: 9 })).resolves.toHaveLength(3)
  await expect(again({ epochs: 1 })).rejects.toThrow("the run has taken 9 steps, so that it cannot have 4 in all")
  await expect(collect(train({ ...options, data, steps: 3 }))).rejects.toThrow("are said by its recipe")
})

test("a run on compressed Parquet is resumed to the same bytes", async () => {
  const zstd = { ...options, data: goldenPath("parquet/zstd.parquet"), order: "windowed:3x2" }
  const whole = join(place, "parquet")
  const events = await collect(train({ ...zstd, out: whole }))
  const half = join(place, "parquet-half")
  for await (const event of train({ ...zstd, out: half, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 3) break
  const rest = await collect(train({ resume: half, workers: 0, backend: "onnx" }))
  expect(stepsOf(rest)).toEqual(stepsOf(events).slice(2))
  expect(JSON.parse(await readFile(join(half, "config.json"), "utf8")).vitrine.order).toBe("windowed:3x2")
})

test("a run starts from bare rotary weights where their name in timm is said, and is resumed so", async () => {
  const { tensors } = golden("rotary-dinov3")
  const from = join(place, "rotary.safetensors")
  const weights = Object.entries(tensors).flatMap(([key, { shape, data }]) =>
    key.startsWith("param.")
      ? [[key.slice(6), { dtype: "F32", shape: [...shape], data: Float32Array.from(data) }] as const]
      : [],
  )
  await writeFile(from, Buffer.concat(writeSafetensors(weights)))
  const out = join(place, "from-rotary")
  const small = { batchSize: 8, steps: 2, model: { heads: 2, imageSize: [12, 20] } } as const
  const run = { ...options, data, from, recipe: small }
  await expect(collect(train(run))).rejects.toThrow(/say which it is \(--arch NAME/)
  await expect(collect(train({ ...run, from: undefined, architecture: "vit_x" }))).rejects.toThrow(/\(--from\)/)
  const architecture = "vit_small_patch16_dinov3"
  for await (const event of train({ ...run, architecture, out })) if (event.type === "setup") break
  const [setup, ...rest] = await collect(train({ resume: out, workers: 0, backend: "onnx" }))
  expect(setup).toMatchObject({ from: { model: from }, recipe: { config: { positions: { centres: true } } } })
  expect(rest.at(-1)).toMatchObject({ type: "end", finished: true })
})
