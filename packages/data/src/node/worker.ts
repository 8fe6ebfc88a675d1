import { parentPort, workerData } from "node:worker_threads"
import { type ErrorKind, VitrineError } from "@vitrine/core"
import { type Batch, type BatchJob, type BatchPlan, batchMaker } from "../batch.ts"
import type { DatasetSource } from "../dataset.ts"
import { cached, type PixelCache } from "./cache.ts"
import { openDataset } from "./open.ts"

/** What a worker is started with. */
export interface WorkerInput {
  readonly source: DatasetSource
  readonly plan: BatchPlan
  readonly cache: PixelCache | undefined
}

export interface Question {
  readonly id: number
  readonly job: BatchJob
}

export type Answer =
  | { readonly id: number; readonly batch: Batch }
  | { readonly id: number; readonly error: { readonly kind: ErrorKind; readonly message: string } }

const { source, plan, cache } = workerData as WorkerInput
const maker = openDataset(source).then((dataset) =>
  batchMaker(cache === undefined ? dataset : cached(dataset, cache), plan),
)
maker.catch(() => {}) // Each question reports it.

async function answer({ id, job }: Question): Promise<void> {
  try {
    const batch = await (await maker)(job)
    const { images, labels, targets, weights } = batch
    const transfer = [images, labels, targets, weights].map(({ buffer }) => buffer as ArrayBuffer)
    parentPort?.postMessage({ id, batch } satisfies Answer, transfer)
  } catch (error) {
    const kind = VitrineError.isInstance(error) ? error.kind : "file"
    const message = error instanceof Error ? error.message : String(error)
    parentPort?.postMessage({ id, error: { kind, message } } satisfies Answer)
  }
}

let last: Promise<void> = Promise.resolve()

parentPort?.on("message", (question: Question) => {
  last = last.then(() => answer(question))
})
