import type { Programs } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { argmax, rowsOf } from "../rows.ts"

/** Vectors of labelled examples, such as the pooled features of a model. */
export interface Features {
  /** [rows, width] */
  readonly values: Float32Array
  readonly width: number
  /** The class of each row, [rows]. */
  readonly labels: Int32Array
}

/** Runs programs with the output `pooled`, `[batch, width]`, over batches once. */
export function probeFeatures(programs: Programs, batches: AsyncIterable<Batch>): Promise<Features> {
  return collect(batches, async ({ images, size }) => {
    const { pooled } = await (await programs.at(size)).run({ images })
    return pooled?.data ?? []
  })
}

/** The pixels of the images as features, `[rows, height · width · channels]`. */
export function pixelFeatures(batches: AsyncIterable<Batch>): Promise<Features> {
  return collect(batches, async ({ images }) => images)
}

async function collect(
  batches: AsyncIterable<Batch>,
  vectors: (batch: Batch) => Promise<ArrayLike<number>>,
): Promise<Features> {
  const rows: Float32Array[] = []
  const labels: number[] = []
  for await (const batch of batches) {
    const values = Float32Array.from(await vectors(batch))
    const width = values.length / batch.size
    // Rows that pad a short batch, and those of broken images, have weight 0.
    for (const [row, weight] of batch.weights.entries()) {
      if (weight === 0) continue
      rows.push(values.subarray(row * width, (row + 1) * width))
      labels.push(...batch.labels.subarray(row, row + 1))
    }
  }
  const values = new Float32Array(rows.reduce((n, { length }) => n + length, 0))
  let at = 0
  for (const row of rows) {
    values.set(row, at)
    at += row.length
  }
  return { values, width: labels.length === 0 ? 0 : values.length / labels.length, labels: Int32Array.from(labels) }
}

/** Selects the rows at these indices. */
export function selectedRows({ values, width, labels }: Features, places: readonly number[]): Features {
  const selected = { values: new Float32Array(places.length * width), width, labels: new Int32Array(places.length) }
  for (const [row, place] of places.entries()) {
    selected.values.set(values.subarray(place * width, (place + 1) * width), row * width)
    selected.labels.set(labels.subarray(place, place + 1), row)
  }
  return selected
}

/** The share of rows whose label has the largest of `scores`, `[rows, classes]`. Of equal scores the first counts. */
export function probeAccuracy(scores: ArrayLike<number>, labels: Int32Array): number {
  const predictions = Int32Array.from(rowsOf(scores, scores.length / labels.length), argmax)
  return labels.filter((label, row) => label === predictions[row]).length / labels.length
}
