import { type ImageModel, keyFromSeed, randomStream } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import type { BatchSource } from "@vitrine/trainer"

let pool: Float32Array | undefined

/** A batch of noise. The noise is drawn only once, so that the measurement does not include it. */
export function randomBatch({ imageSize: [height, width], channels, classes }: ImageModel, size: number): Batch {
  if (pool?.length !== size * height * width * channels) {
    const random = randomStream(keyFromSeed(0))
    pool = Float32Array.from({ length: size * height * width * channels }, () => random.normal())
  }
  const targets = new Float32Array(size * classes)
  const labels = Int32Array.from({ length: size }, (_, row) => row % classes)
  labels.forEach((label, row) => {
    targets[row * classes + label] = 1
  })
  return { images: pool.slice(), labels, targets, weights: new Float32Array(size).fill(1), size, epoch: 0, index: 0 }
}

/** Batches of noise without end. */
export function randomBatches(model: ImageModel, size: number, batchesPerEpoch: number): BatchSource {
  return {
    batchesPerEpoch,
    waitedMs: 0,
    close: async () => {},
    async *[Symbol.asyncIterator]() {
      for (;;) yield randomBatch(model, size)
    },
  }
}
