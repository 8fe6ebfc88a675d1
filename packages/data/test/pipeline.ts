import { createLoader, flip, normalize, randAugment, randomErasing, randomResizedCrop, shapes } from "../src/index.ts"

const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (b) => b.toString(16).padStart(2, "0")).join(
    "",
  )

/** Hashes of drawings, and of batches that every random transform had a hand in. */
export async function pipelineHashes(): Promise<{ drawings: string; batches: string }> {
  const dataset = shapes({ split: "train", size: 64, seed: 5 })
  const drawings = new Uint8Array(64 * 32 * 32 * 3)
  for (let i = 0; i < 64; i++) drawings.set((await dataset.read(i)).data, i * 32 * 32 * 3)
  const loader = await createLoader({
    dataset,
    transforms: [
      randomResizedCrop(24),
      flip(),
      randAugment(),
      normalize([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]),
      randomErasing(),
    ],
    batchSize: 16,
    seed: 9,
    shuffle: true,
    smoothing: 0.1,
    mix: { mixup: 0.4, cutmix: 1 },
    epochs: 1,
  })
  const parts: BlobPart[] = []
  for await (const { images, targets } of loader) parts.push(images.slice(), targets.slice())
  const batches = new Uint8Array(await new Blob(parts).arrayBuffer())
  return { drawings: await sha256(drawings), batches: await sha256(batches) }
}

/** What they are everywhere. */
export const expectedHashes = {
  drawings: "bb48dfdb4e69688c74a190dd49bbd20f799f5047a545c2931cfb78b9ea271898",
  batches: "9f12ac08fa9ae8247f74beddd4bfeca0ac0cbe734301bfa8fd83d02b9c8136c3",
}
