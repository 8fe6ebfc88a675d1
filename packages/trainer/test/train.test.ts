import { referenceBackend } from "@vitrine/backend-reference"
import {
  type Backend,
  foldKey,
  initializeViT,
  keyFromSeed,
  randomStream,
  type ViTConfig,
  vitConfig,
  vitModel,
} from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import {
  classificationObjective,
  type RunStore,
  type SavedRun,
  type TrainEvent,
  type TrainInputs,
  trainingLoop,
  trainingOptions,
} from "@vitrine/trainer"
import { describe, expect, test, vi } from "vitest"

const config = vitConfig({
  imageSize: [8, 8],
  patchSize: [4, 4],
  channels: 1,
  dim: 8,
  depth: 2,
  heads: 2,
  mlpDim: 16,
  classes: 3,
  dropout: 0.1,
  stochasticDepth: 0.2,
})

function makeBatch(index: number, size = 4): Batch {
  const random = randomStream(foldKey(keyFromSeed(7), index))
  const labels = Int32Array.from({ length: size }, () => random.integer(3))
  const targets = new Float32Array(size * 3)
  labels.forEach((label, row) => {
    targets[row * 3 + label] = 1
  })
  const images = Float32Array.from(
    { length: size * 64 },
    (_, i) => random.normal() + (labels[Math.floor(i / 64)] as number),
  )
  return { images, labels, targets, weights: new Float32Array(size).fill(1), size, epoch: 0, index }
}

function source(
  consumed: number,
  make: (index: number) => Batch = makeBatch,
): Awaited<ReturnType<TrainInputs["batches"]>> {
  async function* all(): AsyncGenerator<Batch> {
    for (let i = consumed; ; i++) yield make(i)
  }
  return { batchesPerEpoch: 5, waitedMs: 0, close: async () => {}, [Symbol.asyncIterator]: all }
}

/** Keeps checkpoints in memory as they would be read back from a file. */
function memory(): RunStore & {
  saved: Map<number, SavedRun>
  scores: Map<number, number | null>
  metrics: { step: number }[]
} {
  const saved = new Map<number, SavedRun>()
  const scores = new Map<number, number | null>()
  const metrics: { step: number }[] = []
  return {
    saved,
    scores,
    metrics,
    appendMetrics: (event) => void metrics.push(event),
    saveCheckpoint: async ({ step, tensors, trainingTensors, state, score }) => {
      scores.set(step, score)
      saved.set(step, {
        step,
        state,
        path: `step-${step}`,
        tensors: new Map(tensors),
        trainingTensors: new Map(trainingTensors),
      })
      return { path: `step-${step}` }
    },
  }
}

/** The classes of images, by a model of this configuration. */
function learning(config: ViTConfig): Pick<TrainInputs, "parameters" | "initial" | "objective"> {
  const model = vitModel(config)
  const { parameters } = model
  const initial = initializeViT(parameters, config, "fan", foldKey(keyFromSeed(0), "init"))
  return { parameters, initial, objective: classificationObjective(model, "cross-entropy") }
}

const inputs = (fields: Partial<TrainInputs> = {}): TrainInputs => ({
  backend: referenceBackend(),
  ...learning(config),
  options: trainingOptions({ steps: 8, learningRate: 0.01, ema: 0.9 }),
  batches: async (consumed) => source(consumed),
  ...fields,
})

async function all(events: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const found: TrainEvent[] = []
  for await (const event of events) found.push(event)
  return found
}

/** The values of a tensor, without the keys' bias, whose gradient consists of rounding errors only. */
function keyless({ shape, data }: { readonly shape: readonly number[]; readonly data: unknown }): number[] {
  const values = Array.from(data as ArrayLike<number>)
  return shape.length === 1 && shape[0] === 3 * config.dim
    ? values.filter((_, i) => Math.floor(i / config.dim) !== 1)
    : values
}

const bytes = (run: SavedRun | undefined): unknown =>
  [...(run?.tensors ?? []), ...(run?.trainingTensors ?? [])].map(([name, { data }]) => [name, data])

describe("train", () => {
  test("an interrupted run ends where an uninterrupted one does, to the bit", async () => {
    const whole = memory()
    await all(trainingLoop(inputs({ store: whole, checkpointEvery: 3 })))
    const parts = memory()
    const stop = new AbortController()
    for await (const event of trainingLoop(inputs({ store: parts, signal: stop.signal })))
      if (event.type === "step" && event.step === 5) stop.abort()
    expect([...parts.saved.keys()]).toEqual([5])
    await all(trainingLoop(inputs({ store: parts, resume: parts.saved.get(5) })))
    expect(bytes(parts.saved.get(8))).toEqual(bytes(whole.saved.get(8)))
    expect(parts.metrics.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  test("can be interrupted by a timer though the backend computes on this thread", async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 0)
    const events = await all(trainingLoop(inputs({ signal: stop.signal })))
    expect(events.at(-1)).toMatchObject({ type: "end", finished: false })
  })

  test("saves and ends though no batch comes any more", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const store = memory()
      const stop = new AbortController()
      const never = new Promise<IteratorResult<Batch>>(() => {})
      const stuck = (consumed: number): Awaited<ReturnType<TrainInputs["batches"]>> => {
        let index = consumed
        const next = (): Promise<IteratorResult<Batch>> =>
          index < 3 ? Promise.resolve({ done: false, value: makeBatch(index++) }) : never
        return { ...source(consumed), [Symbol.asyncIterator]: () => ({ next }) }
      }
      const events: TrainEvent[] = []
      for await (const event of trainingLoop(
        inputs({ store, signal: stop.signal, batches: async (consumed) => stuck(consumed) }),
      )) {
        events.push(event)
        if (event.type === "step" && event.step === 3)
          setImmediate(async () => {
            await new Promise(setImmediate)
            stop.abort()
            await vi.advanceTimersByTimeAsync(2000)
          })
      }
      expect(events.at(-1)).toMatchObject({ type: "end", step: 3, finished: false })
      expect([...store.saved.keys()]).toEqual([3])
    } finally {
      vi.useRealTimers()
    }
  })

  test("an evaluation that fails costs no step, and the resumed run evaluates first", async () => {
    const validation = async (): Promise<AsyncIterable<Batch>> =>
      (async function* () {
        yield makeBatch(100)
      })()
    const evaluated = { evaluateEvery: 3, checkpointEvery: 4, evaluation: validation }
    const whole = memory()
    await all(trainingLoop(inputs({ store: whole, ...evaluated })))
    const parts = memory()
    const failing = async (): Promise<AsyncIterable<Batch>> => {
      if (parts.metrics.length > 5) throw new Error("the disk is gone")
      return validation()
    }
    await expect(all(trainingLoop(inputs({ store: parts, ...evaluated, evaluation: failing })))).rejects.toThrow("gone")
    // Step 6 is kept, though its checkpoint was due at step 8 alone.
    expect([...parts.saved.keys()]).toEqual([4, 6])
    const events = await all(trainingLoop(inputs({ store: parts, ...evaluated, resume: parts.saved.get(6) })))
    expect(events.slice(0, 4).map(({ type }) => type)).toEqual(["start", "evaluation", "checkpoint", "step"])
    expect(parts.metrics.map(({ step }) => step)).toEqual(whole.metrics.map(({ step }) => step))
    expect(parts.metrics.filter((event) => "top1" in event)).toEqual(whole.metrics.filter((event) => "top1" in event))
    expect(bytes(parts.saved.get(8))).toEqual(bytes(whole.saved.get(8)))
    expect([parts.scores.get(6), parts.scores.get(8)]).toEqual([expect.any(Number), whole.scores.get(8)])
  })

  test("ends though no batch to evaluate on comes, and leaves the evaluation to the resumed run", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const store = memory()
      const stop = new AbortController()
      const evaluation = async (): Promise<AsyncIterable<Batch>> => {
        setImmediate(async () => {
          stop.abort()
          await vi.advanceTimersByTimeAsync(2000)
        })
        return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }
      }
      const fields = { store, signal: stop.signal, checkpointEvery: 2, evaluation, evaluateEvery: 3 }
      const events = await all(trainingLoop(inputs(fields)))
      expect(events.at(-1)).toMatchObject({ type: "end", step: 3, finished: false })
      expect([...store.saved.keys()]).toEqual([2, 3])
      expect(store.saved.get(3)?.state).toEqual({ evaluation: "due" })
    } finally {
      vi.useRealTimers()
    }
  })

  test("computes blocks again for their gradients, and comes to the same", async () => {
    const [whole, less] = [memory(), memory()]
    const fields = { steps: 4, learningRate: 0.01 }
    await all(trainingLoop(inputs({ options: trainingOptions(fields), store: whole })))
    await all(trainingLoop(inputs({ options: trainingOptions({ ...fields, gradCheckpointing: true }), store: less })))
    expect(bytes(less.saved.get(4))).toEqual(bytes(whole.saved.get(4)))
  })

  test("skips steps whose scaled gradients overflow, and halves the scale until they do not", async () => {
    const store = memory()
    const options = trainingOptions({ steps: 10, learningRate: 0.01, lossScaling: true })
    const stop = new AbortController()
    for await (const event of trainingLoop(inputs({ options, store, signal: stop.signal })))
      if (event.type === "step" && event.step === 2) stop.abort()
    const before = store.saved.get(2) as SavedRun
    expect(before.trainingTensors.get("lossScale")?.data).toEqual(Float64Array.of(2 ** 16))
    expect(before.trainingTensors.get("lossScale.steps")?.data).toEqual(Float64Array.of(2))

    // The squares of such gradients are too large for float64.
    const tensors = new Map(before.trainingTensors)
    tensors.set("lossScale", { shape: [], data: Float64Array.of(2 ** 516) })
    const resume = { ...before, trainingTensors: tensors }
    const steps = (await all(trainingLoop(inputs({ options, store, resume, checkpointEvery: 1 })))).filter(
      (event) => event.type === "step",
    )
    const skipped = steps.filter((event) => event.skipped)
    expect(skipped.length).toBeGreaterThan(1)
    expect(steps.map(({ skipped }) => skipped === true)).toEqual(steps.map((_, i) => i < skipped.length))
    expect(skipped.map(({ lossScale }) => lossScale)).toEqual(skipped.map((_, i) => 2 ** (516 - i)))
    for (const { gradientNorm } of skipped) expect(gradientNorm).toBeUndefined()
    const moments = (step: number): unknown =>
      [...(store.saved.get(step)?.trainingTensors ?? [])].filter(([name]) => !name.startsWith("lossScale"))
    const last = 2 + skipped.length
    expect(store.saved.get(last)?.tensors).toEqual(before.tensors)
    expect(moments(last)).toEqual(moments(2))
    expect(store.saved.get(last + 1)?.tensors).not.toEqual(before.tensors)
  })

  test("skipped steps do not count for the optimizer, nor after a resume", async () => {
    const options = (steps: number): TrainInputs["options"] =>
      trainingOptions({
        steps,
        learningRate: 0.01,
        schedule: { decay: "constant", warmup: 0, final: 0 },
        lossScaling: true,
      })
    const run = async (
      steps: number,
      resume?: SavedRun,
    ): Promise<{ saved: Map<number, SavedRun>; skipped: number }> => {
      const store = memory()
      const still = vitConfig({ ...config, dropout: 0, stochasticDepth: 0 })
      const batches = async (): ReturnType<TrainInputs["batches"]> => source(0, () => makeBatch(0))
      const fields = { ...learning(still), options: options(steps), batches, store, checkpointEvery: 1 }
      const events = await all(trainingLoop(inputs(resume ? { ...fields, resume } : fields)))
      return { saved: store.saved, skipped: events.filter((event) => event.type === "step" && event.skipped).length }
    }
    const { saved } = await run(4)
    const before = saved.get(2) as SavedRun
    const tensors = new Map(before.trainingTensors).set("lossScale", { shape: [], data: Float64Array.of(2 ** 514) })
    const { saved: late, skipped } = await run(30, { ...before, trainingTensors: tensors })
    expect(skipped).toBeGreaterThan(0)
    const { saved: resumed } = await run(4 + skipped, late.get(2 + skipped))
    const learned = (found: SavedRun | undefined): unknown =>
      (bytes(found) as [string, unknown][]).filter(([name]) => !name.startsWith("lossScale"))
    for (const each of [late, resumed]) expect(learned(each.get(4 + skipped))).toEqual(learned(saved.get(4)))
  })

  test("doubles the scale after 2,000 steps without overflow", async () => {
    const store = memory()
    const options = trainingOptions({ steps: 3, learningRate: 0.01, lossScaling: true })
    await all(trainingLoop(inputs({ options: { ...options, steps: 1 }, store })))
    const before = store.saved.get(1) as SavedRun
    const tensors = new Map(before.trainingTensors).set("lossScale.steps", { shape: [], data: Float64Array.of(1998) })
    await all(
      trainingLoop(inputs({ options, store, resume: { ...before, trainingTensors: tensors }, checkpointEvery: 1 })),
    )
    const slot = (step: number, name: string): unknown => store.saved.get(step)?.trainingTensors.get(name)?.data
    expect([2, 3].map((step) => slot(step, "lossScale"))).toEqual([2 ** 16, 2 ** 17].map((n) => Float64Array.of(n)))
    expect([2, 3].map((step) => slot(step, "lossScale.steps"))).toEqual([1999, 0].map((n) => Float64Array.of(n)))
  })

  test("tells what happens, in order", async () => {
    const evaluation = async (): Promise<Batch[]> => [makeBatch(100), makeBatch(101)]
    const withPass = {
      evaluation: async function () {
        const batches = await evaluation()
        return {
          async *[Symbol.asyncIterator]() {
            yield* batches
          },
        }
      },
    }
    const events = await all(
      trainingLoop(inputs({ ...withPass, evaluateEvery: 4, store: memory(), checkpointEvery: 4 })),
    )
    const told = events.filter(({ type }) => type !== "step").map(({ type, step }) => `${type} ${step}`)
    expect(told).toEqual(["start 0", "evaluation 4", "checkpoint 4", "evaluation 8", "checkpoint 8", "end 8"])
    const last = events.at(-1)
    expect(last).toMatchObject({ finished: true })
    const found = events.find(({ type }) => type === "evaluation")
    expect(found).toMatchObject({ examples: 8 })
  })

  test("micro-batches add up to the batch that they make", async () => {
    const still = vitConfig({ ...config, dropout: 0, stochasticDepth: 0 })
    const joined = (index: number): Batch => {
      const [a, b] = [makeBatch(2 * index), makeBatch(2 * index + 1, 4)]
      const cat = (x: Float32Array, y: Float32Array): Float32Array => Float32Array.from([...x, ...y])
      return {
        ...a,
        images: cat(a.images, b.images),
        targets: cat(a.targets, b.targets),
        weights: cat(a.weights, b.weights),
        labels: Int32Array.from([...a.labels, ...b.labels]),
        size: 8,
      }
    }
    const losses = async (fields: Partial<TrainInputs>): Promise<number[]> =>
      (await all(trainingLoop(inputs({ ...learning(still), ...fields })))).flatMap((event) =>
        event.type === "step" ? [event.loss] : [],
      )
    const micro = await losses({ options: trainingOptions({ steps: 4, accumulate: 2, learningRate: 0.01 }) })
    const whole = await losses({
      options: trainingOptions({ steps: 4, learningRate: 0.01 }),
      batches: async (consumed) => source(consumed, joined),
    })
    micro.forEach((loss, i) => {
      expect(loss).toBeCloseTo(whole[i] as number, 6)
    })
  })

  test("a batch learns the same in any number of micro-batches, and to the bit after a resume", async () => {
    const still = vitConfig({ ...config, dropout: 0, stochasticDepth: 0 })
    const parts = (count: number): TrainInputs["batches"] => {
      const size = 12 / count
      const part = (index: number): Batch => {
        const whole = makeBatch(Math.floor(index / count), 12)
        const from = (index % count) * size
        return {
          ...whole,
          images: whole.images.slice(from * 64, (from + size) * 64),
          targets: whole.targets.slice(from * 3, (from + size) * 3),
          weights: whole.weights.slice(from, from + size),
          labels: whole.labels.slice(from, from + size),
          size,
        }
      }
      return async (consumed) => source(consumed, part)
    }
    const learned = async (microBatches: number): Promise<{ store: ReturnType<typeof memory>; values: number[] }> => {
      const store = memory()
      const options = trainingOptions({ steps: 6, microBatches, learningRate: 0.01, ema: 0.9, clip: 0.5 })
      const fields = { ...learning(still), options, store, checkpointEvery: 2, batches: parts(microBatches) }
      const events = await all(trainingLoop(inputs(fields)))
      const resumed = memory()
      await all(trainingLoop(inputs({ ...fields, store: resumed, resume: store.saved.get(2) })))
      expect(bytes(resumed.saved.get(6))).toEqual(bytes(store.saved.get(6)))
      const losses = events.flatMap((event) => (event.type === "step" ? [event.loss] : []))
      return { store, values: [...losses, ...[...(store.saved.get(6)?.tensors.values() ?? [])].flatMap(keyless)] }
    }
    const whole = await learned(1)
    for (const count of [2, 3, 4, 12]) {
      const { store, values } = await learned(count)
      expect(Math.max(...values.map((x, i) => Math.abs(x - (whole.values[i] ?? Number.NaN))))).toBeLessThan(1e-6)
      // Sums of gradients are 0 between steps, so that a checkpoint has none.
      const kept = ({ saved }: typeof store): readonly string[] => [...(saved.get(6)?.trainingTensors.keys() ?? [])]
      expect(kept(store)).toEqual(kept(whole.store))
    }
    expect(() => trainingOptions({ steps: 1, microBatches: 2, accumulate: 3 })).toThrow(
      "give microBatches or accumulate, not both: a batch in 2 micro-batches, or 3 batches an update",
    )
  })

  test("rows of weight 0 change nothing", async () => {
    const still = vitConfig({ ...config, dropout: 0, stochasticDepth: 0 })
    const padded = (index: number): Batch => {
      const batch = makeBatch(index)
      return { ...batch, weights: Float32Array.of(1, 1, 0, 0) }
    }
    const cut = (index: number): Batch => {
      const { images, labels, targets, ...rest } = makeBatch(index)
      const two = { images: images.slice(0, 128), labels: labels.slice(0, 2), targets: targets.slice(0, 6) }
      return { ...rest, ...two, weights: Float32Array.of(1, 1), size: 2 }
    }
    const run = (make: (index: number) => Batch): Promise<TrainEvent[]> =>
      all(trainingLoop(inputs({ ...learning(still), batches: async (consumed) => source(consumed, make) })))
    const losses = (events: TrainEvent[]): number[] =>
      events.flatMap((event) => (event.type === "step" ? [event.loss] : []))
    const [a, b] = [losses(await run(padded)), losses(await run(cut))]
    a.forEach((loss, i) => {
      expect(loss).toBeCloseTo(b[i] as number, 6)
    })
  })

  test("a loss that is not finite ends the run by name and leaves the last checkpoint", async () => {
    const store = memory()
    const poisoned = (index: number): Batch => {
      const batch = makeBatch(index)
      if (index === 5) batch.images.fill(Number.NaN)
      return batch
    }
    const running = all(
      trainingLoop(inputs({ store, checkpointEvery: 2, batches: async (consumed) => source(consumed, poisoned) })),
    )
    await expect(running).rejects.toThrow(/^step 6: the loss is NaN/)
    expect([...store.saved.keys()]).toEqual([2, 4])
  })

  test("a checkpoint of another recipe is refused with what is missing", async () => {
    const store = memory()
    await all(trainingLoop(inputs({ store, options: trainingOptions({ steps: 2 }) })))
    const resume = store.saved.get(2)
    const other = trainingOptions({ steps: 4, ema: 0.5 })
    await expect(all(trainingLoop(inputs({ resume, options: other })))).rejects.toThrow('has no "ema:')
  })

  test("everything that was made on the backend is released, also when the consumer leaves early", async () => {
    const real = referenceBackend()
    let live = 0
    const counting: Backend = {
      ...real,
      compile: async (...given) => {
        const program = await real.compile(...given)
        live++
        return { ...program, dispose: async () => void live-- }
      },
      createState: async (...given) => {
        const state = await real.createState(...given)
        live++
        const { dispose } = state
        return Object.assign(state, {
          dispose: async () => {
            live--
            await dispose()
          },
        })
      },
    }
    for await (const event of trainingLoop(inputs({ backend: counting })))
      if (event.type === "step" && event.step === 2) break
    expect(live).toBe(0)
  })
})
