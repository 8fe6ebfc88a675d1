import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type DetectionEvaluation, queryDetections, scenes } from "@vitrine/detection"
import { openDetection, resolveDetection } from "@vitrine/detection/node"
import { golden, goldenPath } from "@vitrine/golden"
import type { TrainEvent } from "@vitrine/trainer"
import sharp from "sharp"
import { afterAll, beforeAll, expect, test } from "vitest"
import {
  createBackend,
  type DetectionRecipe,
  type DetectionSetupEvent,
  evaluateDetector,
  loadDetector,
  resolveDetectionRecipe,
  taskOf,
  trainDetector,
} from "../src/node.ts"
import { evaluateDetector as evaluateDetectorInPage } from "../src/web-detect.ts"

const recipe: DetectionRecipe = {
  steps: 4,
  batchSize: 4,
  evaluateEvery: 2,
  imageSize: [48, 32],
  model: {
    backbone: {
      kind: "resnet",
      config: {
        channels: 3,
        block: "basic",
        stemWidth: 8,
        widths: [8, 8, 16],
        depths: [1, 1, 1],
        norm: "group",
        dilated: false,
      },
    },
    dim: 16,
    heads: 2,
    queries: 6,
    encoderDepth: 1,
    decoderDepth: 2,
    mlpDim: 16,
    dropout: 0.1,
  },
}
const options = { recipe, seed: 4, workers: 0, backend: "onnx" }
let place: string
let data: string
/** A whole run, which several tests begin with. */
let whole: string
let wholeEvents: readonly Event[]

/** Twelve scenes as files with COCO's annotations, one of which has no area. */
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-detector-"))
  data = join(place, "annotations.json")
  const drawn = scenes({ split: "train", size: 12, imageSize: [48, 40] })
  const annotations: object[] = [{ id: 0, image_id: 2, category_id: 1, bbox: [4, 4, 0, 0] }]
  for (let i = 0; i < drawn.length; i++) {
    const { data: pixels, ...raw } = await drawn.read(i)
    await sharp(pixels, { raw })
      .png()
      .toFile(join(place, `${i}.png`))
    const { boxes, labels } = drawn.objects(i)
    labels.forEach((label, n) => {
      const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * n, 4 * n + 4)
      annotations.push({ id: annotations.length, image_id: i, category_id: label, bbox: [x0, y0, x1 - x0, y1 - y0] })
    })
  }
  const images = Array.from({ length: 12 }, (_, id) => ({
    id,
    file_name: `${id}.png`,
    width: 40,
    height: 48,
    split: id < 8 ? "train" : "val",
  }))
  const categories = drawn.classes.map((name, id) => ({ id, name }))
  await writeFile(data, JSON.stringify({ images, annotations, categories }))
  whole = join(place, "whole")
  wholeEvents = await collect(trainDetector({ ...options, data, out: whole }))
})
afterAll(() => rm(place, { recursive: true, force: true }))

type Event = DetectionSetupEvent | TrainEvent<DetectionEvaluation>

async function collect(events: AsyncIterable<Event>, until: (event: Event) => void = () => {}): Promise<Event[]> {
  const all: Event[] = []
  for await (const event of events) {
    all.push(event)
    until(event)
  }
  return all
}

test("trains on annotated images, and leaves a folder that detects and is measured as it was", {
  timeout: 180_000,
}, async () => {
  const [out, events] = [whole, wholeEvents]
  const stretch = ["step", "step", "evaluation", "checkpoint"]
  expect(events.map(({ type }) => type)).toEqual(["setup", "start", ...stretch, ...stretch, "end"])
  const classes = ["circle", "cross", "square", "triangle"]
  expect(events[0]).toMatchObject({ run: out, resumed: null, data, classes, examples: 8, validation: 4 })
  expect((events[0] as DetectionSetupEvent).faults.lines).toEqual([expect.stringContaining("has no area; left out")])

  expect(await taskOf(out)).toBe("detect")
  expect(await taskOf(place)).toBe("classify")
  const detector = await loadDetector(out, { backend: "onnx" })
  expect(detector.labels).toEqual(classes)
  const all = await detector.detect(join(place, "9.png"), { threshold: 0 })
  expect(all.labels).toHaveLength(6)
  const best = all.scores[0] as number
  expect(Math.max(...all.scores)).toBe(best)
  expect((await detector.detect(join(place, "9.png"), { threshold: best + 1e-6 })).labels).toHaveLength(0)
  // In an image of another size the boxes are in that image's pixels.
  const large = await sharp(join(place, "9.png")).resize(80, 96, { kernel: "nearest" }).png().toBuffer()
  const twice = await detector.detect(large, { threshold: 0 })
  expect((twice.boxes[2] as number) / (all.boxes[2] as number)).toBeCloseTo(2, 0)
  await detector.close()
  for (const [hints, message] of [
    [{ heads: 7 }, /the model has heads \d, not 7/],
    [{ dilated: true }, /the model has dilated false, not true/],
  ] as const)
    await expect(loadDetector(out, { backend: "onnx", ...hints })).rejects.toThrow(message)

  const { classes: byClass, ...measured } = await evaluateDetector(out, { backend: "onnx", workers: 0 })
  const reported = events.filter((event) => event.type === "evaluation")
  const kept = reported.reduce((a, b) => (b.ap > a.ap ? b : a))
  expect(byClass.map(({ label }) => label)).toEqual(classes)
  expect(measured).toMatchObject({ data, split: "val", examples: 4 })
  expect(Math.abs(measured.ap - kept.ap)).toBeLessThan(1e-4)
  const { val } = await resolveDetection(data)
  if (val === null) throw new Error("no validation images")
  const files = {
    "config.json": new Uint8Array(await readFile(join(out, "config.json"))),
    "model.safetensors": new Uint8Array(await readFile(join(out, "model.safetensors"))),
  }
  const [dataset, backend] = await Promise.all([openDetection(val), createBackend("onnx")])
  const { data: _, ...inPage } = await evaluateDetectorInPage(files, { data: dataset, backend })
  expect({ ...inPage, data, split: "val", faults: measured.faults, classes: byClass }).toEqual({
    ...measured,
    classes: inPage.classes,
  })
  await backend.close()
  await expect(evaluateDetector(out, { backend: "onnx", split: "test" })).rejects.toThrow("has no test images")
})

test("a copied run whose data have moved is measured on its own validation images", { timeout: 180_000 }, async () => {
  const [copy, unsplit] = [join(place, "copy"), join(place, "annotations-moved.json")]
  await cp(whole, copy, { recursive: true })
  const file = join(copy, "config.json")
  const json = await readFile(file, "utf8")
  const away = json.replaceAll(JSON.stringify(data), JSON.stringify(join(place, "away.json")))
  await writeFile(file, away.replace(/"valFraction": ?[\d.]+/, '"valFraction": 0.5'))
  const { images, ...rest } = JSON.parse(await readFile(data, "utf8"))
  await writeFile(
    unsplit,
    JSON.stringify({ ...rest, images: images.map((image: object) => ({ ...image, split: undefined })) }),
  )
  await expect(evaluateDetector(copy, { backend: "onnx" })).rejects.toThrow(
    /away\.json: no such file or folder, and .* say where/,
  )
  const measured = { backend: "onnx", workers: 0, data: unsplit }
  expect(await evaluateDetector(copy, measured)).toMatchObject({ split: "val", examples: 6 })
  expect(await evaluateDetector(whole, measured)).toMatchObject({ split: "val", examples: 1 })
})

test("goes on after an end with the same losses and bytes", { timeout: 180_000 }, async () => {
  const losses = (events: readonly Event[]): number[] =>
    events.flatMap((event) => (event.type === "step" ? [event.loss] : []))
  const stopped = join(place, "stopped")
  const aborting = new AbortController()
  const first = await collect(
    trainDetector({ ...options, data, out: stopped, checkpointEvery: 1, signal: aborting.signal }),
    (event) => {
      if (event.type === "step" && event.step === 2) aborting.abort()
    },
  )
  expect(first.at(-1)).toMatchObject({ type: "end", step: 2, finished: false })
  const second = await collect(trainDetector({ resume: stopped, workers: 0, backend: "onnx" }))
  expect(second[0]).toMatchObject({ resumed: 2, examples: 8 })
  expect(second.flatMap((event) => (event.type === "checkpoint" ? [event.step] : []))).toEqual([3, 4])
  expect([...losses(first), ...losses(second)]).toEqual(losses(wholeEvents))
  const bytes = (run: string): Promise<Buffer> => readFile(join(run, "checkpoints/step-00000004/model.safetensors"))
  expect(await bytes(stopped)).toEqual(await bytes(whole))
})

test("a run starts from another's weights, but for the head of other classes", async () => {
  const out = join(place, "next")
  const none = { ...recipe, steps: 1, learningRate: 0 }
  await collect(trainDetector({ ...options, recipe: none, data, from: whole, out, signal: AbortSignal.abort() }))
  const read = async (run: string): Promise<Buffer> => readFile(join(run, "model.safetensors"))
  expect((await read(out)).equals(await read(whole))).toBe(true)
})

test.each([
  [{ queries: 5 }, "recipe: queries is not a field of a recipe for detection"],
  [{ batchSize: 9 }, "a batch of 9 needs more than the 8 training images"],
  [{ steps: 1, epochs: 1 }, "give steps or epochs, not both"],
  [{ model: { classes: 7 } }, "the model has 7 classes, the data 4"],
  [{ model: { dim: 18 } }, "dim must be a multiple of 4"],
])("a recipe that makes no sense is refused: %j", (wrong, message) => {
  const facts = { examples: 8, classes: 4, imageSize: [48, 40], objects: 5, builtIn: false } as const
  expect(() => resolveDetectionRecipe({ batchSize: 4, ...wrong }, facts, 0)).toThrow(message)
})

test("a batch is at most the images that there are", () => {
  const facts = { examples: 8, classes: 4, imageSize: [48, 40], objects: 5, builtIn: false } as const
  expect(resolveDetectionRecipe({}, facts, 0).batchSize).toBe(8)
})

test.each(["huggingface-detr", "huggingface-detr-dilated", "huggingface-detr-native", "huggingface-detr-auxiliary"])(
  "%s finds in each image by itself what transformers does",
  { timeout: 180_000 },
  async (name) => {
    const detector = await loadDetector(goldenPath(name), { backend: "onnx" })
    const { tensors } = golden(`${name}/expected`)
    for (const file of ["wide.png", "tall.png", "long.png"]) {
      const { width, height } = await sharp(goldenPath(`${name}/${file}`)).metadata()
      const [logits, boxes] = ["logits", "boxes"].map((what) => tensors[`alone.${file}.${what}`]?.data ?? [])
      const expected = queryDetections(logits as Float64Array, boxes as Float64Array, 0, detector.config, [
        height,
        width,
      ])
      const actual = await detector.detect(goldenPath(`${name}/${file}`), { threshold: 0 })
      expect(actual.labels, file).toHaveLength(expected.labels.length)
      for (const [n, query] of actual.queries.entries()) {
        const i = expected.queries.indexOf(query)
        expect(actual.labels[n], file).toBe(expected.labels[i])
        expect(Math.abs((actual.scores[n] as number) - (expected.scores[i] as number)), file).toBeLessThan(1e-4)
        for (const edge of [0, 1, 2, 3])
          expect(
            Math.abs((actual.boxes[4 * n + edge] as number) - (expected.boxes[4 * i + edge] as number)),
            file,
          ).toBeLessThan(0.02)
      }
    }
    await detector.close()
  },
)

test("what is no detector says which command is meant", async () => {
  await writeFile(join(place, "config.json"), '{"architecture": "vit_tiny_patch16_224"}')
  await expect(loadDetector(place)).rejects.toThrow("is of no detector")
  await expect(loadDetector(join(place, "nowhere"))).rejects.toThrow(/nowhere/)
})
