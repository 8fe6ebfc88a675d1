import { keyFromSeed, VitrineError } from "@vitrine/core"
import { type BrokenOptions, brokenCounter } from "./broken.ts"
import { type Batch, type BatchJob, type BatchPlan, batchMaker, transformedShape } from "./batch.ts"
import type { Dataset } from "./dataset.ts"
import { checkMix, type Mix } from "./mix.ts"
import { type EpochOrder, epochOrder, laneCounts, laneOrder, type Order, type WindowedOrder } from "./order.ts"
import { checkTransforms } from "./transforms/fields.ts"
import type { Transform } from "./transforms/transforms.ts"

/** The options of the order of examples. */
export interface OrderOptions {
  readonly batchSize: number
  /** Determines order, augmentation and mixing; 0 by default. */
  readonly seed?: number
  /** Whether each epoch has a new order; false by default. */
  readonly shuffle?: boolean
  /** The order of shuffled epochs; the data's by default, which is exact for most. */
  readonly order?: Order | undefined
  /**
   * The number of lanes: batch k of an epoch is of lane k mod n. In a windowed order each lane has blocks of its own, so
   * that a machine that makes the batches of some lanes reads their blocks alone; rows that do not fill a batch in every
   * lane are left out (`laneCounts`). 1 by default. A training step has a lane for each of its micro-batches.
   */
  readonly lanes?: number | undefined
  /** The lanes whose batches are made: `from` … `to − 1`; all by default. */
  readonly ownLanes?: { readonly from: number; readonly to: number }
  /** Whether to leave out a short last batch. Otherwise it is padded with rows of weight 0. False by default. */
  readonly dropLast?: boolean
  /** The first batch; epoch 0, batch 0 by default. */
  readonly start?: { readonly epoch: number; readonly batch: number }
  /** The number of the epoch before which the loader ends. By default it never ends. */
  readonly epochs?: number
}

/** Options of a loader of batches. */
export interface LoaderOptions extends OrderOptions, BrokenOptions {
  /** The transforms. By default there are none, and numbers are bytes / 255. */
  readonly transforms?: readonly Transform[]
  /** The amount of label smoothing; 0 by default. */
  readonly smoothing?: number
  readonly mix?: Mix
}

/**
 * Batches that are made before they are needed. Iterate once, and call `close` if you stop early. Two loaders with the
 * same options give the same bytes, whatever their numbers of threads and their starts.
 */
export interface Loader<B extends object = Batch> extends AsyncIterable<B> {
  /** The shape [height, width, channels] of every image. */
  readonly shape: readonly [number, number, number]
  readonly classes: readonly string[]
  /** The number of examples in the data set. */
  readonly examples: number
  readonly batchesPerEpoch: number
  /** Milliseconds in which the consumer waited for batches. */
  readonly waitedMs: number
  close(): Promise<void>
}

/** Loads batches in this thread. The entry `./node` has a `createLoader` that uses worker threads. */
export async function createLoader(options: LoaderOptions & { readonly dataset: Dataset }): Promise<Loader> {
  const { dataset } = options
  const plan = await planOf(dataset, options)
  const maker = localBatchMaker(readingAhead(dataset, batchMaker(dataset, plan)), async () => {})
  return loaderOf(dataset, options, plan.shape, maker, brokenIn(dataset, options))
}

/** Makes batches while the data read in advance what the next ones need. */
export function readingAhead<B>(dataset: Dataset, make: (job: BatchJob) => Promise<B>): (job: BatchJob) => Promise<B> {
  return (job) => {
    if (job.soon !== undefined && job.soon.length > 0) dataset.prefetch?.(job.soon)
    return make(job)
  }
}

/** Counts the broken images of batches. */
export function brokenIn(dataset: Dataset, options: BrokenOptions): (batch: Batch) => void {
  const count = brokenCounter(dataset, options)
  return ({ broken = [] }) => count(broken)
}

/** Makes batches in this thread. While the thread would otherwise wait, it makes one batch ahead. */
export function localBatchMaker<B>(make: (job: BatchJob) => Promise<B>, close: () => Promise<void>): BatchMaker<B> {
  return { make: idle(make), ahead: 1, close }
}

/** Makes batches, at most `ahead` of them at a time. */
export interface BatchMaker<B = Batch, J extends BatchJob = BatchJob> {
  make(job: J): Promise<B>
  readonly ahead: number
  close(): Promise<void>
}

/** Checks the options, and reads one image to find its shape. */
export async function planOf(dataset: Dataset, options: LoaderOptions): Promise<BatchPlan> {
  const { transforms = [], batchSize, seed = 0, smoothing = 0, mix } = options
  checkOrder(dataset, options)
  expect(smoothing >= 0 && smoothing <= 1, `smoothing must be in [0, 1], got ${smoothing}`)
  if (mix !== undefined) checkMix(mix)
  checkTransforms(transforms)
  const shape = await transformedShape(dataset, transforms)
  checkBatch(batchSize, shape)
  return { transforms, batchSize, seed, smoothing, mix: mix ?? null, shape }
}

/**
 * Refuses an order of examples that the data do not allow.
 * @throws VitrineError for an impossible order, or one without a batch
 */
export function checkOrder(dataset: Examples, options: OrderOptions): void {
  const { batchSize, seed = 0, start, epochs = Infinity, lanes = 1 } = options
  const { from, to } = options.ownLanes ?? { from: 0, to: lanes }
  const whole = (n: number, least: number): boolean => Number.isSafeInteger(n) && n >= least
  expect(whole(batchSize, 1), `batchSize must be a positive integer, got ${batchSize}`)
  expect(whole(seed, 0), `seed must be a whole number, got ${seed}`)
  expect(epochs === Infinity || whole(epochs, 0), `epochs must be a whole number, got ${epochs}`)
  expect(whole(lanes, 1), `lanes must be a positive integer, got ${lanes}`)
  expect(
    whole(from, 0) && whole(to, from + 1) && to <= lanes,
    `ownLanes must be some of ${lanes}, got ${from} … ${to - 1}`,
  )
  const batches = batchCount(dataset, options)
  expect(batches > 0, `${dataset.name} has ${dataset.length} examples, no batch of ${batchSize}`)
  if (start !== undefined)
    expect(
      whole(start.epoch, 0) && whole(start.batch, 0) && start.batch <= batches,
      `start must be within ${batches} batches an epoch, got ${JSON.stringify(start)}`,
    )
}

/**
 * Refuses a batch that is too large. `shape` is that of one image, `[height, width, channels]`.
 * @throws VitrineError for a batch of more than 4 GiB
 */
export function checkBatch(batchSize: number, shape: readonly [number, number, number]): void {
  const numbers = batchSize * shape[0] * shape[1] * shape[2]
  expect(numbers <= 2 ** 30, `a batch of ${batchSize} images of ${shape.join("×")} takes over 4 GiB`)
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new VitrineError("config", `loader: ${message}`)
}

/** The facts of a data set that determine its order. */
export type Examples = Pick<Dataset, "name" | "classes" | "length" | "order">

/**
 * Makes a loader from `maker`, which the loader closes.
 * @param check called with each batch before the consumer gets it
 */
export function loaderOf<B extends object>(
  dataset: Examples,
  options: OrderOptions,
  shape: readonly [number, number, number],
  maker: BatchMaker<B>,
  check: (batch: B) => void = () => {},
): Loader<B> {
  const batchesPerEpoch = batchCount(dataset, options)
  const jobs = jobsOf(dataset, batchesPerEpoch, options)
  const pending: Promise<B>[] = []
  let waitedMs = 0
  let closed = false

  const fill = (): void => {
    if (closed) return
    while (pending.length < maker.ahead) {
      const job = jobs.next()
      if (job.done) return
      const batch = maker.make(job.value)
      batch.catch(() => {}) // The error is reported when the batch is requested.
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
  const advance = async (): Promise<IteratorResult<B, undefined>> => {
    const begun = performance.now()
    try {
      const value = await pending.shift()
      if (value !== undefined) check(value)
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
  const iterator: AsyncIterator<B, undefined> = {
    // Requests are answered one after the other, even if the consumer sends several at once.
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
    shape,
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

/** The number of batches of an epoch, in all lanes. */
export function batchCount(dataset: Pick<Examples, "length" | "order">, options: OrderOptions): number {
  const { batchSize, dropLast = false, lanes = 1 } = options
  const order = laneWindow(dataset, options)
  if (order !== undefined) return laneCounts(dataset.length, order, lanes, batchSize).batches * lanes
  // Each step has a batch of every lane. The last ones may be short or empty.
  const step = lanes * batchSize
  return lanes * (dropLast ? Math.floor(dataset.length / step) : Math.ceil(dataset.length / step))
}

/** The windowed order of data that are read in several lanes. */
function laneWindow(
  dataset: Pick<Examples, "order">,
  { lanes = 1, shuffle = false, order }: OrderOptions,
): WindowedOrder | undefined {
  const chosen = order ?? dataset.order ?? "exact"
  return lanes > 1 && shuffle && chosen !== "exact" ? chosen : undefined
}

function* jobsOf(dataset: Examples, batches: number, options: OrderOptions): Generator<BatchJob, undefined> {
  const { length, order: natural = "exact" } = dataset
  const { batchSize, seed = 0, shuffle = false, start = { epoch: 0, batch: 0 }, epochs = Infinity, lanes = 1 } = options
  const { order = natural, ownLanes = { from: 0, to: lanes } } = options
  const window = laneWindow(dataset, options)
  const key = keyFromSeed(seed)
  for (let epoch = start.epoch; epoch < epochs; epoch++) {
    const whole = shuffle && window === undefined ? epochOrder(key, epoch, length, order) : undefined
    const ofLanes = new Map<number, EpochOrder>()
    if (window !== undefined)
      for (let lane = ownLanes.from; lane < ownLanes.to; lane++)
        ofLanes.set(lane, laneOrder(key, epoch, length, window, lane, lanes))
    for (let index = epoch === start.epoch ? start.batch : 0; index < batches; index++) {
      const lane = index % lanes
      if (lane < ownLanes.from || lane >= ownLanes.to) continue
      const from = (window === undefined ? index : Math.floor(index / lanes)) * batchSize
      const to = Math.min(length, from + batchSize)
      const shuffled = whole ?? ofLanes.get(lane)
      const examples = shuffled?.examples.slice(from, to) ?? Uint32Array.from({ length: to - from }, (_, i) => from + i)
      yield { epoch, index, examples, ...(shuffled && { soon: shuffled.soon(from, to).slice() }) }
    }
  }
}

/** Delays each call until the thread has nothing else to do. */
function idle<A, R>(call: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  const scheduler = globalThis as { setImmediate?: (run: () => void) => unknown }
  const wait = scheduler.setImmediate ?? ((run: () => void) => setTimeout(run, 0))
  return async (argument) => {
    await new Promise<void>((resolve) => wait(resolve))
    return call(argument)
  }
}
