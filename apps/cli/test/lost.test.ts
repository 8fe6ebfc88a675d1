import { join } from "node:path"
import { readMetrics } from "@vitrine/checkpoint/node"
import { expect, test } from "vitest"
import {
  type ClassifierEvaluation,
  type RunSetup,
  type SetupEvent,
  type TrainEvent,
  type TrainOptions,
  train,
  trainDetector,
  trainReader,
  VitrineError,
} from "vitrine"
import { type ResumeOptions, type Train, trainTo } from "../dist/training.js"
import { writeLines, writeScenes } from "./pictures.ts"
import { temporaryFolder, tinyData } from "./vitrine.ts"

const folder = temporaryFolder()
const data = tinyData(join(folder, "tiny"))
const small = { steps: 5, batchSize: 4, evaluateEvery: 100 }
const model = { dim: 16, heads: 2, mlpDim: 16 }
const layers = { encoderDepth: 1, decoderDepth: 1 }

async function losses(run: string): Promise<number[]> {
  const events = await readMetrics(join(run, "metrics.jsonl"))
  return events.filter(({ type }) => type === "step").map(({ loss }) => loss as number)
}

/** Where the device is lost in the fourth step, once. */
function losing<O, S extends RunSetup, E extends object>(train: Train<O, S, E>): Train<O, S, E> {
  let lost = false
  return async function* (options) {
    for await (const event of train(options)) {
      yield event
      if (lost || event.type !== "step" || event.step !== 3) continue
      lost = true
      throw new VitrineError("device", "the device was lost; make a new backend")
    }
  }
}

async function compared<O extends ResumeOptions, S extends RunSetup, E extends object>(
  name: string,
  train: Train<O, S, E>,
  options: O,
): Promise<void> {
  const told: (S | TrainEvent<E>)[] = []
  const report = { event: (event: S | TrainEvent<E>) => void told.push(event), stopping: () => {}, close: () => {} }
  const [whole, lost] = [join(folder, `${name}-whole`), join(folder, `${name}-lost`)]
  const flags = { backend: "onnx", threads: 1 }
  expect(await trainTo(train, { ...options, checkpointEvery: 2, out: whole }, flags, report)).toBe(true)
  told.length = 0
  expect(await trainTo(losing(train), { ...options, checkpointEvery: 2, out: lost }, flags, report)).toBe(true)
  expect(told.flatMap((event) => (event.type === "setup" ? [event.resumed] : []))).toEqual([null, 2])
  expect(await losses(whole)).toHaveLength(5)
  expect(await losses(lost)).toEqual(await losses(whole))
}

test("a classifier goes on with a new device where one is lost", () =>
  compared<TrainOptions, SetupEvent, ClassifierEvaluation>("classifier", train, {
    data,
    workers: 0,
    recipe: { ...small, model: { ...model, depth: 1, patchSize: [4, 4] } },
  }))

test("so does a detector", async () => {
  const scenes = join(folder, "scenes")
  await writeScenes(scenes)
  await compared("detector", trainDetector, {
    data: scenes,
    workers: 0,
    recipe: { ...small, imageSize: [32, 32], model: { ...model, ...layers, queries: 5 } },
  })
})

test("so does a reader", async () => {
  const lines = join(folder, "lines")
  await writeLines(lines)
  await compared("reader", trainReader, {
    data: lines,
    recipe: { ...small, task: "read", model: { ...model, ...layers } },
  })
})
