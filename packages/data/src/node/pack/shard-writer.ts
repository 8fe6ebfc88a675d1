import type { PackedImage } from "./images.ts"

/** Writes the samples of one shard. */
export interface ShardWriter {
  add(key: string, image: PackedImage, labels: readonly number[]): Promise<void>
  finish(): Promise<void>
}
