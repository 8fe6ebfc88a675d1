import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { isImagePath } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import type { Image } from "vitrine"
import { complain } from "./errors.ts"

/**
 * Files as they were named, and for a folder the images in it and below, sorted.
 * @throws VitrineError (file) for a folder without images.
 */
export async function imageFiles(paths: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const path of paths) {
    const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false
    if (!isFolder) {
      found.push(path)
      continue
    }
    const inside = await readdir(path, { recursive: true }).catch((error: Error) => {
      throw new VitrineError("file", `${path}: cannot be read (${error.message})`, { cause: error })
    })
    const images = inside.filter(isImagePath).sort()
    if (images.length === 0) throw new VitrineError("file", `${path}: holds no JPEG, PNG, WebP or GIF images`)
    for (const image of images) found.push(join(path, image))
  }
  return found
}

export interface DecodedBatch {
  readonly files: readonly string[]
  readonly images: readonly Image[]
}

const batchSize = 16
/** Large images make smaller batches. */
const batchPixels = 48e6
/** Files that are decoded beside the one that is waited for. */
const ahead = 3

/** Decodes files in batches for a model. A file that cannot be read is complained about and left out. */
export async function* decodeBatches(files: readonly string[]): AsyncGenerator<DecodedBatch> {
  let batch: { files: string[]; images: Image[] } = { files: [], images: [] }
  let pixels = 0
  const started: Promise<Image>[] = []
  for (const [i, file] of files.entries()) {
    for (const next of files.slice(i + started.length, i + 1 + ahead)) {
      const image = decodeImage(next)
      image.catch(() => {}) // An error is told when its turn comes.
      started.push(image)
    }
    try {
      const image = (await started.shift()) as Image
      batch.files.push(file)
      batch.images.push(image)
      pixels += image.width * image.height
    } catch (error) {
      if (!VitrineError.isInstance(error)) throw error
      complain(error.message)
    }
    if (batch.files.length < batchSize && pixels < batchPixels) continue
    yield batch
    batch = { files: [], images: [] }
    pixels = 0
  }
  if (batch.files.length > 0) yield batch
}
