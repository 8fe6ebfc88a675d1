import { onnxBackend } from "@vitrine/backend-onnx/node"
import { foldKey, type ImageModel, initializeViT, keyFromSeed, randomStream, vitConfig, vitModel } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import {
  classificationObjective,
  type Communicator,
  distillationObjective,
  maskedPatchObjective,
  multiLabelObjective,
  type Objective,
  type RunStore,
  type SavedRun,
  type TrainEvent,
  type TrainInputs,
  trainingLoop,
  trainingOptions,
} from "@vitrine/trainer"
import { describe, expect, test } from "vitest"
import { loopback } from "./loopback.ts"

const config = vitConfig({
  imageSize: [8, 8],
  patchSize: [4, 4],
  channels: 1,
  dim: 8,
  depth: 1,
  heads: 2,
  mlpDim: 16,
  classes: 3,
  dropout: 0.1,
  stochasticDepth: 0.2,
})
const size = 2
const microBatches = 4

function makeBatch(index: number): Batch {
  const random = randomStream(foldKey(keyFromSeed(7), index))
  const labels = Int32Array.from({ length: size }, () => random.integer(3))
  const targets = new Float32Array(size * 3)
  labels.forEach((label, row) => {
    targets[row * 3 + label] = 1
  })
  const images = Float32Array.from({ length: size * 64 }, () => random.normal())
  // Some rows pad their batch, so that micro-batches have different totals.
  const weights = Float32Array.of(1, index % 3 === 0 ? 0 : 1)
  return { images, labels, targets, weights, size, epoch: 0, index }
}

/** The micro-batches of a block, as a loader with lanes gives them. */
const batches: TrainInputs["batches"] = async (consumed, { from, to } = { from: 0, to: microBatches }) => ({
  batchesPerEpoch: 5 * microBatches,
  waitedMs: 0,
  close: async () => {},
  async *[Symbol.asyncIterator]() {
    for (let i = consumed; ; i++) if (i % microBatches >= from && i % microBatches < to) yield makeBatch(i)
  },
})

const evaluation = async (ranks?: Communicator): Promise<AsyncIterable<Batch>> =>
  (async function* () {
    const { rank, size } = ranks ?? { rank: 0, size: 1 }
    for (let i = rank; i < 5; i += size) yield makeBatch(1000 + i)
  })()

function memory(): RunStore & { saved: Map<number, SavedRun>; metrics: unknown[] } {
  const saved = new Map<number, SavedRun>()
  const metrics: unknown[] = []
  return {
    saved,
    metrics,
    appendMetrics: ({ imagesPerSecond: _rate, waiting: _waiting, eta: _eta, ...event }) => void metrics.push(event),
    saveCheckpoint: async ({ step, tensors, trainingTensors, state }) => {
      const path = `step-${step}`
      saved.set(step, { step, state, path, tensors: new Map(tensors), trainingTensors: new Map(trainingTensors) })
      return { path }
    },
  }
}

const model: ImageModel = vitModel(config)
const distilled = vitConfig({ ...config, distillationToken: true })
const teacher = async (images: Float32Array, size: number): Promise<Float32Array> =>
  Float32Array.from({ length: size * 3 }, (_, i) => (images[i] ?? 0) * (i % 3))
const objectives: Readonly<Record<string, readonly [ImageModel, unknown]>> = {
  classes: [model, classificationObjective(model, "cross-entropy", [1, 2, 0.5])],
  "several labels": [model, multiLabelObjective(model, null, 0.5)],
  distillation: [
    vitModel(distilled),
    distillationObjective(distilled, "cross-entropy", null, { kind: "hard", alpha: 0.5, tau: 1 }, teacher),
  ],
  "masked patches": [model, maskedPatchObjective(config, { mean: [0.5], std: [0.5] })],
}

const options = trainingOptions({ steps: 20, microBatches, learningRate: 0.01, ema: 0.9, clip: 0.5 })

/** Trains on some ranks, and returns what rank 0 has stored and called. */
async function run(
  [{ parameters }, objective]: readonly [ImageModel, unknown],
  count: number,
  { resume, ...fields }: Partial<TrainInputs> = {},
): Promise<ReturnType<typeof memory> & Pick<ReturnType<typeof loopback>, "calls">> {
  const { ranks, calls } = loopback(count)
  const store = memory()
  await Promise.all(
    ranks.map(async (communicator) => {
      const backend = await onnxBackend({ worker: false, threads: 1 })
      const events: AsyncIterable<TrainEvent> = trainingLoop({
        backend,
        parameters,
        // The others' starting values are those of rank 0.
        ...(communicator.rank === 0
          ? { initial: initializeViT(parameters, config, "fan", foldKey(keyFromSeed(0), "init")), store, resume }
          : {}),
        objective: objective as Objective,
        options,
        batches,
        evaluation,
        evaluateEvery: 10,
        checkpointEvery: 10,
        ranks: communicator,
        ...fields,
      })
      for await (const _ of events);
      await backend.close()
    }),
  )
  return { ...store, calls }
}

const bytes = (saved: SavedRun | undefined): unknown =>
  [...(saved?.tensors ?? []), ...(saved?.trainingTensors ?? [])].map(([name, { data }]) => [name, data])

describe("ranks that share the micro-batches of each step", () => {
  test.each(Object.entries(objectives))("1, 2 and 4 come to the same bytes and figures: %s", async (_, task) => {
    const one = await run(task, 1)
    for (const count of [2, 4]) {
      const several = await run(task, count)
      expect(bytes(several.saved.get(20))).toEqual(bytes(one.saved.get(20)))
      expect(several.metrics).toEqual(one.metrics)
    }
  })

  const classes = objectives["classes"] as readonly [ImageModel, unknown]

  test("3 come to the same within 1e-6", async () => {
    const [one, three] = [await run(classes, 1), await run(classes, 3)]
    for (const [name, { data }] of three.saved.get(20)?.tensors ?? []) {
      const expected = one.saved.get(20)?.tensors.get(name)?.data as Float32Array
      const kept = (_: number, i: number): boolean => !name.endsWith("qkv.bias") || Math.floor(i / config.dim) !== 1
      const far = (data as Float32Array).map((x, i) => Math.abs(x - (expected[i] ?? Number.NaN))).filter(kept)
      expect(Math.max(...far), name).toBeLessThan(1e-6)
    }
  })

  test("what 4 have saved is continued by 2 and by one, to the same bytes", async () => {
    const whole = await run(classes, 4)
    for (const count of [2, 1]) {
      const resumed = await run(classes, count, { resume: whole.saved.get(10) })
      expect(bytes(resumed.saved.get(20))).toEqual(bytes(whole.saved.get(20)))
    }
  })

  test("a step exchanges its totals, its gradients in buckets, and its losses", async () => {
    const short = await run(classes, 2, { options: { ...options, steps: 3 } })
    const longer = await run(classes, 2, { options: { ...options, steps: 4 } })
    const count = model.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    const sums = longer.calls.filter(({ name }) => name === "allReduce")
    expect(longer.calls.length - short.calls.length).toBe(3)
    expect(sums.map((each) => each.bytes)).toEqual([4, 4, 4, 4].map((size) => size * count))
  })

  test("a signal to any of them ends all after the same step", async () => {
    const { ranks } = loopback(2)
    const ends: unknown[] = []
    const stop = new AbortController()
    await Promise.all(
      ranks.map(async (communicator) => {
        const [{ parameters }, objective] = classes
        const backend = await onnxBackend({ worker: false, threads: 1 })
        const signal = communicator.rank === 1 ? stop.signal : undefined
        const events = trainingLoop({
          backend,
          parameters,
          objective: objective as Objective,
          options,
          batches,
          ranks: communicator,
          signal,
        })
        for await (const event of events) {
          if (event.type === "step" && event.step === 3 && signal) stop.abort()
          if (event.type === "end") ends.push([event.step, event.finished])
        }
        await backend.close()
      }),
    )
    expect(ends).toEqual([
      [4, false],
      [4, false],
    ])
  })

  test("more ranks than micro-batches, and accumulated batches, are refused with what to write", async () => {
    await expect(run(classes, 2, { options: { ...options, microBatches: 1 } })).rejects.toThrow(
      "2 ranks share 1 micro-batch a step: set microBatches to 2 or a multiple of it (--micro-batches)",
    )
    await expect(run(classes, 2, { options: { ...options, microBatches: 1, accumulate: 4 } })).rejects.toThrow(
      "take a batch of 4 · B and microBatches 4",
    )
  })
})
