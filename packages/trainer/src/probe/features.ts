import type { Programs } from "@vitrine/core"
import type { Batch } from "@vitrine/data"

/** Vectors of labelled examples, such as the pooled features of a model. */
export interface Features {
  /** [rows, width] */
  readonly values: Float32Array
  readonly width: number
  /** The class of each row, [rows]. */
  readonly labels: Int32Array
}

/** Runs programs that give `pooled`, `[batch, width]`, over batches, one pass. */
export function probeFeatures(programs: Programs, batches: AsyncIterable<Batch>): Promise<Features> {
  return collect(batches, async ({ images, size }) => {
    const { pooled } = await (await programs.at(size)).run({ images })
    return pooled?.data ?? []
  })
}

/** The numbers of the images themselves, `[rows, height · width · channels]`. */
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
    const found = await vectors(batch)
    const width = found.length / batch.size
    // Rows that pad a short batch come last.
    const count = batch.weights.reduce((n, weight) => n + (weight > 0 ? 1 : 0), 0)
    rows.push(Float32Array.from({ length: count * width }, (_, i) => found[i] as number))
    labels.push(...batch.labels.subarray(0, count))
  }
  const values = new Float32Array(rows.reduce((n, { length }) => n + length, 0))
  let at = 0
  for (const row of rows) {
    values.set(row, at)
    at += row.length
  }
  return { values, width: labels.length === 0 ? 0 : values.length / labels.length, labels: Int32Array.from(labels) }
}

/** Some rows. */
export function rowsOf({ values, width, labels }: Features, places: readonly number[]): Features {
  const picked = new Float32Array(places.length * width)
  for (const [row, place] of places.entries())
    picked.set(values.subarray(place * width, (place + 1) * width), row * width)
  return { values: picked, width, labels: Int32Array.from(places, (place) => labels[place] as number) }
}

/** Share of the rows whose class has the largest of `scores`, `[rows, classes]`; of equal ones the first. */
export function probeAccuracy(scores: ArrayLike<number>, labels: Int32Array): number {
  const classes = scores.length / labels.length
  let right = 0
  labels.forEach((label, row) => {
    let best = 0
    for (let c = 1; c < classes; c++)
      if ((scores[row * classes + c] as number) > (scores[row * classes + best] as number)) best = c
    if (best === label) right++
  })
  return right / labels.length
}
