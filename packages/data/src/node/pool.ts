import { parentPort, Worker } from "node:worker_threads"
import { type ErrorKind, VitrineError } from "@vitrine/core"
import type { BatchJob } from "../batch.ts"
import type { BatchMaker } from "../loader.ts"

interface Question<J> {
  readonly id: number
  readonly job: J
}

type Answer<B> =
  | { readonly id: number; readonly batch: B }
  | { readonly id: number; readonly error: { readonly kind: ErrorKind; readonly message: string } }

/**
 * Worker threads that make batches. Each job goes to the thread with the fewest jobs.
 * @param script the module that each thread runs; it calls `serveBatches`
 * @param input the thread's `workerData`
 * @param buffers the memory of a job that is transferred to its thread
 */
export function workerPool<B, J extends BatchJob = BatchJob>(
  script: URL,
  input: unknown,
  size: number,
  close: () => Promise<void>,
  buffers: (job: J) => readonly ArrayBuffer[] = () => [],
): BatchMaker<B, J> {
  const threads = Array.from({ length: size }, () => thread<B, J>(script, input, buffers))
  return {
    make: (job) => threads.reduce((least, thread) => (thread.load() < least.load() ? thread : least)).make(job),
    ahead: size + 1,
    close: async () => {
      await Promise.all(threads.map((each) => each.close()))
      await close()
    },
  }
}

/** Milliseconds in which a thread must end after the request. */
const patience = 2000
/** Milliseconds that the end of the process waits for such a thread. */
const lastPatience = 30_000

interface Thread<B, J> {
  make(job: J): Promise<B>
  /** The number of unanswered jobs. */
  load(): number
  close(): Promise<void>
}

/**
 * Starts a worker with the flags of this process. Node refuses some flags for workers, such as `--max-old-space-size`.
 * They are left out: they already apply to all threads.
 */
function startWorker(script: URL, workerData: unknown): Worker {
  const execArgv = process.execArgv.filter((flag) => !flag.startsWith("--input-type"))
  try {
    return new Worker(script, { workerData, execArgv })
  } catch (error) {
    const [, refused] = /invalid execArgv flags: (.*)$/.exec(error instanceof Error ? error.message : "") ?? []
    if (refused === undefined) throw error
    return new Worker(script, { workerData, execArgv: execArgv.filter((flag) => !refused.split(", ").includes(flag)) })
  }
}

function thread<B, J>(script: URL, workerData: unknown, buffers: (job: J) => readonly ArrayBuffer[]): Thread<B, J> {
  const worker = startWorker(script, workerData)
  const waiting = new Map<number, { resolve(batch: B): void; reject(error: unknown): void }>()
  let jobs = 0
  let failure: VitrineError | undefined
  let closing = false
  const fail = (message: string, cause?: unknown): void => {
    failure ??= new VitrineError("backend", `data worker: ${message}`, { cause })
    for (const { reject } of waiting.values()) reject(failure)
    waiting.clear()
  }
  // A busy thread keeps the process alive, an idle one does not.
  worker.unref()
  worker.on("message", (answer: Answer<B>) => {
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    // The process waits for a thread that is ending.
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
        worker.postMessage({ id, job } satisfies Question<J>, buffers(job))
      }),
    load: () => waiting.size,
    close: async () => {
      closing = true
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<"late">((resolve) => (timer = setTimeout(resolve, patience, "late")))
      const ended = worker.terminate()
      if ((await Promise.race([ended, late])) === "late") leaveBehind(worker, ended)
      clearTimeout(timer)
    },
  }
}

/**
 * Abandons a thread that a system call blocks, such as one that reads from a lost network disk. Node would wait for it
 * at the end of the process. The process waits for half a minute, since the thread may only be slow, and then ends by
 * SIGTERM. An end by force before that is by SIGTERM too.
 */
function leaveBehind(worker: Worker, ended: Promise<number>): void {
  let isLost = false
  const timer = setTimeout(() => {
    isLost = true
    worker.unref()
  }, lastPatience)
  const end = (code: number): void => {
    if (code === 0 && !isLost) return
    process.removeAllListeners("SIGTERM")
    process.kill(process.pid, "SIGTERM")
  }
  process.once("exit", end)
  void ended.finally(() => {
    clearTimeout(timer)
    process.off("exit", end)
  })
}

/**
 * Answers jobs in a thread of `workerPool`, one after the other.
 * @param buffers the memory of a batch, which is transferred to the pool's thread
 */
export function serveBatches<B, J extends BatchJob = BatchJob>(
  maker: Promise<(job: J) => Promise<B>>,
  buffers: (batch: B) => readonly ArrayBufferView[],
): void {
  maker.catch(() => {}) // Every answer reports the error.
  const answer = async ({ id, job }: Question<J>): Promise<void> => {
    try {
      const batch = await (await maker)(job)
      const transfer = buffers(batch).flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []))
      parentPort?.postMessage({ id, batch } satisfies Answer<B>, transfer)
    } catch (error) {
      const kind = VitrineError.isInstance(error) ? error.kind : "file"
      const message = error instanceof Error ? error.message : String(error)
      parentPort?.postMessage({ id, error: { kind, message } } satisfies Answer<B>)
    }
  }
  let last: Promise<void> = Promise.resolve()
  parentPort?.on("message", (question: Question<J>) => {
    last = last.then(() => answer(question))
  })
}
