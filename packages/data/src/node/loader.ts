import { Worker } from "node:worker_threads"
import { VitrineError } from "@vitrine/core"
import type { Batch, BatchJob } from "../batch.ts"
import type { Dataset, DatasetSource } from "../dataset.ts"
import { type Loader, type LoaderOptions, loaderOf, localMaker, type Maker, planOf } from "../loader.ts"
import { cached, pixelCache } from "./cache.ts"
import { openDataset } from "./open.ts"
import type { Answer, Question, WorkerInput } from "./worker.ts"

export interface NodeLoaderOptions extends LoaderOptions {
  /** Which data to load: a source, or a data set that is open already (which stays open). */
  readonly source?: DatasetSource
  readonly dataset?: Dataset
  /** Threads that make batches; 0: this thread. Default 1. Has no influence on what the batches hold. */
  readonly workers?: number
}

/**
 * Loads batches in worker threads. Where the package runs from its TypeScript sources, which a worker of Node 20 cannot
 * load, this thread makes them.
 * @throws VitrineError for options that make no sense, and for data that cannot be opened
 */
export async function createLoader(options: NodeLoaderOptions): Promise<Loader> {
  const { workers = 1 } = options
  if (!Number.isInteger(workers) || workers < 0 || workers > 256)
    throw new VitrineError("config", `loader: workers must be a whole number up to 256, got ${workers}`)
  const dataset = options.dataset ?? (options.source === undefined ? undefined : await openDataset(options.source))
  if (dataset === undefined) throw new VitrineError("config", "loader: needs a source or a dataset")
  const owned = options.dataset === undefined
  const close = async (): Promise<void> => {
    if (owned) await dataset.close?.()
  }
  try {
    const plan = await planOf(dataset, options)
    const { source } = dataset
    const decodes = readsFiles(source)
    const cache = decodes ? pixelCache(dataset, await dataset.read(0)) : undefined
    const maker =
      workers === 0 || source === undefined || import.meta.url.endsWith(".ts")
        ? localMaker(cache === undefined ? dataset : cached(dataset, cache), plan, close)
        : workerPool({ source, plan, cache }, workers, close)
    return loaderOf(dataset, options, plan, maker)
  } catch (error) {
    await close()
    throw error
  }
}

const readsFiles = (source: DatasetSource | undefined): boolean =>
  source?.kind === "subset" ? readsFiles(source.of) : source?.kind === "files" || source?.kind === "packed"

/** Worker threads that make batches; each job goes to the one with the fewest. */
function workerPool(input: WorkerInput, size: number, close: () => Promise<void>): Maker {
  const threads = Array.from({ length: size }, () => thread(input))
  return {
    make(job) {
      let least = threads[0] as Thread
      for (const candidate of threads) if (candidate.load() < least.load()) least = candidate
      return least.make(job)
    },
    ahead: size + 1,
    close: async () => {
      await Promise.all(threads.map((each) => each.close()))
      await close()
    },
  }
}

interface Thread {
  make(job: BatchJob): Promise<Batch>
  /** Jobs not answered yet. */
  load(): number
  close(): Promise<void>
}

function thread(workerData: WorkerInput): Thread {
  // Node refuses this flag of `node --input-type=module -e …` for workers, though they inherit it.
  const execArgv = process.execArgv.filter((flag) => !flag.startsWith("--input-type"))
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData, execArgv })
  const waiting = new Map<number, { resolve(batch: Batch): void; reject(error: unknown): void }>()
  let jobs = 0
  let failure: VitrineError | undefined
  let closing = false
  const fail = (message: string, cause?: unknown): void => {
    failure ??= new VitrineError("backend", `data worker: ${message}`, { cause })
    for (const { reject } of waiting.values()) reject(failure)
    waiting.clear()
  }
  // An idle thread does not keep the process alive, a busy one does.
  worker.unref()
  worker.on("message", (answer: Answer) => {
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    // A thread that is being ended holds the process until it has ended.
    if (waiting.size === 0 && !closing) worker.unref()
    if ("batch" in answer) call?.resolve(answer.batch)
    else call?.reject(new VitrineError(answer.error.kind, answer.error.message))
  })
  worker.on("error", (error: Error) => fail(error.message, error))
  worker.on("exit", (code) => fail(`ended with code ${code}`))
  return {
    make: (job) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure)
        const id = jobs++
        waiting.set(id, { resolve, reject })
        worker.ref()
        worker.postMessage({ id, job } satisfies Question)
      }),
    load: () => waiting.size,
    close: async () => {
      closing = true
      await worker.terminate()
    },
  }
}
