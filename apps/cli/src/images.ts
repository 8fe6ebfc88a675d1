import { stat } from "node:fs/promises"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { decodedFormats } from "@vitrine/data"
import { decodeImage, listImages } from "@vitrine/data/node"
import type { Image } from "vitrine"
import { complain } from "./errors.ts"
import { notePassedOver } from "./show/passed-over.ts"

/**
 * Files as they were named. A folder stands for the images in it and below, sorted.
 * @throws VitrineError (file) for a folder without images.
 */
export async function imageFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const path of paths) {
    const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false
    if (!isFolder) {
      files.push(path)
      continue
    }
    const { images, passedOver } = await listImages(path)
    if (images.length === 0) throw new VitrineError("file", `${path}: holds no ${decodedFormats} image`)
    notePassedOver({ data: path, passedOver })
    for (const image of images) files.push(join(path, image))
  }
  return files
}

export interface DecodedImage {
  readonly file: string
  readonly image: Image
}

const batchSize = 16
/** Large images make smaller batches. */
const batchPixels = 48e6
/** Files that are decoded while the command waits for one. */
const ahead = 3

/** Decodes files in batches for a model. A file that cannot be read is complained about and left out. */
export async function* decodeBatches(files: readonly string[]): AsyncGenerator<readonly DecodedImage[]> {
  let batch: DecodedImage[] = []
  let pixels = 0
  for (const [file, decoding] of decodedAhead(files)) {
    try {
      const image = await decoding
      batch.push({ file, image })
      pixels += image.width * image.height
    } catch (error) {
      if (!VitrineError.isInstance(error)) throw error
      complain(error.message)
    }
    if (batch.length < batchSize && pixels < batchPixels) continue
    yield batch
    batch = []
    pixels = 0
  }
  if (batch.length > 0) yield batch
}

/** Each file with its image, which may still be decoding. The next files are decoded meanwhile. */
function* decodedAhead(files: readonly string[]): Generator<readonly [file: string, image: Promise<Image>]> {
  const queue: (readonly [string, Promise<Image>])[] = []
  for (const file of files) {
    const image = decodeImage(file)
    image.catch(() => {}) // The error is shown when the file's turn comes.
    queue.push([file, image])
    if (queue.length > ahead) yield* queue.splice(0, 1)
  }
  yield* queue
}

/** Each file of a batch with what a model gives for its image. */
export function* withAnswers<T>(
  batch: readonly DecodedImage[],
  answers: Iterable<T>,
): Generator<readonly [file: string, answer: T]> {
  const iterator = answers[Symbol.iterator]()
  for (const { file } of batch) {
    const { value, done } = iterator.next()
    if (done) throw new Error(`${file}: the model gave no answer`)
    yield [file, value]
  }
}
