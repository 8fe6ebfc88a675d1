import type { Dataset } from "../dataset.ts"
import type { Image } from "../image.ts"

/** Decoded images that threads share. To decode a small file takes far longer than to copy its pixels. */
export interface PixelCache {
  readonly height: number
  readonly width: number
  /** [length, height, width, 3]. */
  readonly pixels: Uint8Array
  /** 1 for an image in the cache, [length]. */
  readonly filled: Uint8Array
}

const mostBytes = 2 ** 28

/**
 * An empty cache for those images of a data set that are as large as `first`, or undefined if they would need over 256
 * MiB.
 */
export function pixelCache(dataset: Dataset, { height, width }: Image): PixelCache | undefined {
  const bytes = dataset.length * height * width * 3
  if (bytes > mostBytes) return undefined
  const shared = (length: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(length))
  return { height, width, pixels: shared(bytes), filled: shared(dataset.length) }
}

/** A data set with a cache. Images of the cache's size are decoded only once. */
export function cached(dataset: Dataset, { height, width, pixels, filled }: PixelCache): Dataset {
  const size = height * width * 3
  return {
    ...dataset,
    async read(index, admit) {
      const stored = pixels.subarray(index * size, (index + 1) * size)
      if (Atomics.load(filled, index) === 1) return { height, width, channels: 3, data: stored }
      const image = await dataset.read(index, admit)
      if (image.height === height && image.width === width && image.channels === 3) {
        stored.set(image.data)
        Atomics.store(filled, index, 1)
      }
      return image
    },
  }
}
