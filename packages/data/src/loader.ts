import { fold, keyFromSeed, permutation, VitrineError } from "@vitrine/core"
import { type Batch, type BatchJob, type BatchPlan, batchMaker, transformedShape } from "./batch.ts"
import type { Dataset } from "./dataset.ts"
import { checkMix, type Mix } from "./mix.ts"
import { checkTransforms, type Transform } from "./transforms/transforms.ts"

export interface LoaderOptions {
  /** Default: none, so that numbers are bytes / 255. */
  readonly transforms?: readonly Transform[]
  readonly batchSize: number
  /** Decides order, augmentation and mixing; default 0. */
  readonly seed?: number
  /** A new order in each epoch; default false. */
  readonly shuffle?: boolean
  /** Leaves out a short last batch, instead of padding it with rows of weight 0; default false. */
  readonly dropLast?: boolean
  /** Label smoothing; default 0. */
  readonly smoothing?: number
  readonly mix?: Mix
  /** Where to begin; default epoch 0, batch 0. */
  readonly start?: { readonly epoch: number; readonly batch: number }
  /** The epoch to end before; default: never. */
  readonly epochs?: number
}

/**
 * Batches, made ahead of their use. Iterate once; `close` when it was not to the end. Two loaders with the same options
 * give the same bytes, however many threads they use and wherever they start.
 */
export interface Loader extends AsyncIterable<Batch> {
  /** [height, width, channels] of every image. */
  readonly shape: readonly [number, number, number]
  readonly classes: readonly string[]
  /** Examples in the data set. */
  readonly examples: number
  readonly batchesPerEpoch: number
  /** Milliseconds that the consumer has waited for batches so far. */
  readonly waitedMs: number
  close(): Promise<void>
}

/** Loads batches in this thread. The entry `./node` has a `createLoader` with worker threads. */
export async function createLoader(options: LoaderOptions & { readonly dataset: Dataset }): Promise<Loader> {
  const { dataset } = options
  const plan = await planOf(dataset, options)
  return loaderOf(
    dataset,
    options,
    plan,
    localMaker(dataset, plan, async () => {}),
  )
}

/** Makes batches in this thread, one ahead, while it would have to wait otherwise. */
export function localMaker(dataset: Dataset, plan: BatchPlan, close: () => Promise<void>): Maker {
  return { make: idle(batchMaker(dataset, plan)), ahead: 1, close }
}

/** What makes batches, and how many it may hold at a time. */
export interface Maker {
  make(job: BatchJob): Promise<Batch>
  readonly ahead: number
  close(): Promise<void>
}

/** Checks the options, and reads one image to learn the shape. */
export async function planOf(dataset: Dataset, options: LoaderOptions): Promise<BatchPlan> {
  const { transforms = [], batchSize, seed = 0, smoothing = 0, mix, start, epochs = Infinity } = options
  const whole = (n: number, least: number): boolean => Number.isSafeInteger(n) && n >= least
  const expect = (holds: boolean, message: string): void => {
    if (!holds) throw new VitrineError("config", `loader: ${message}`)
  }
  expect(whole(batchSize, 1), `batchSize must be a positive integer, got ${batchSize}`)
  expect(whole(seed, 0), `seed must be a whole number, got ${seed}`)
  expect(smoothing >= 0 && smoothing <= 1, `smoothing must be in [0, 1], got ${smoothing}`)
  expect(epochs === Infinity || whole(epochs, 0), `epochs must be a whole number, got ${epochs}`)
  const batches = batchCount(dataset, options)
  expect(batches > 0, `${dataset.name} has ${dataset.length} examples, no batch of ${batchSize}`)
  if (start !== undefined)
    expect(
      whole(start.epoch, 0) && whole(start.batch, 0) && start.batch <= batches,
      `start must be within ${batches} batches an epoch, got ${JSON.stringify(start)}`,
    )
  if (mix !== undefined) checkMix(mix)
  checkTransforms(transforms)
  const shape = await transformedShape(dataset, transforms, 0)
  const numbers = batchSize * shape[0] * shape[1] * shape[2]
  expect(numbers <= 2 ** 30, `a batch of ${batchSize} images of ${shape.join("×")} takes over 4 GiB`)
  return { transforms, batchSize, seed, smoothing, mix: mix ?? null, shape }
}

/** A loader over `maker`, which it closes. */
export function loaderOf(dataset: Dataset, options: LoaderOptions, plan: BatchPlan, maker: Maker): Loader {
  const batchesPerEpoch = batchCount(dataset, options)
  const jobs = jobsOf(dataset.length, batchesPerEpoch, options)
  const pending: Promise<Batch>[] = []
  let waitedMs = 0
  let closed = false

  const fill = (): void => {
    if (closed) return
    while (pending.length < maker.ahead) {
      const job = jobs.next()
      if (job.done) return
      const batch = maker.make(job.value)
      batch.catch(() => {}) // An error is reported when its batch is asked for.
      pending.push(batch)
    }
  }
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    pending.length = 0
    await maker.close()
  }
  fill()
  const advance = async (): Promise<IteratorResult<Batch, undefined>> => {
    const begun = performance.now()
    try {
      const value = await pending.shift()
      if (value === undefined) await close()
      else fill()
      return value === undefined ? { done: true, value } : { done: false, value }
    } catch (error) {
      await close()
      throw error
    } finally {
      waitedMs += performance.now() - begun
    }
  }
  let last: Promise<unknown> = Promise.resolve()
  const iterator: AsyncIterator<Batch, undefined> = {
    // One after the other, also for a consumer that asks for several at once.
    next() {
      const result = last.then(advance)
      last = result.catch(() => {})
      return result
    },
    async return() {
      await close()
      return { done: true, value: undefined }
    },
  }
  return {
    shape: plan.shape,
    classes: dataset.classes,
    examples: dataset.length,
    batchesPerEpoch,
    get waitedMs() {
      return waitedMs
    },
    close,
    [Symbol.asyncIterator]: () => iterator,
  }
}

function batchCount(dataset: Dataset, { batchSize, dropLast = false }: LoaderOptions): number {
  return dropLast ? Math.floor(dataset.length / batchSize) : Math.ceil(dataset.length / batchSize)
}

function* jobsOf(length: number, batches: number, options: LoaderOptions): Generator<BatchJob, undefined> {
  const { batchSize, seed = 0, shuffle = false, start = { epoch: 0, batch: 0 }, epochs = Infinity } = options
  for (let epoch = start.epoch; epoch < epochs; epoch++) {
    const order = shuffle ? permutation(fold(keyFromSeed(seed), "order", epoch), length) : undefined
    for (let index = epoch === start.epoch ? start.batch : 0; index < batches; index++) {
      const from = index * batchSize
      const to = Math.min(length, from + batchSize)
      const examples = order?.slice(from, to) ?? Uint32Array.from({ length: to - from }, (_, i) => from + i)
      yield { epoch, index, examples }
    }
  }
}

/** The same function, but each call waits until its caller's thread has nothing else to do. */
function idle<A, R>(call: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  const scheduler = globalThis as { setImmediate?: (run: () => void) => unknown }
  const wait = scheduler.setImmediate ?? ((run: () => void) => setTimeout(run, 0))
  return async (argument) => {
    await new Promise<void>((resolve) => wait(resolve))
    return call(argument)
  }
}
