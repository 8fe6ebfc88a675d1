import { stat } from "node:fs/promises"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { splits } from "@vitrine/data"
import { bracePattern, imageHeader, isDataPath, openFile } from "@vitrine/data/internal/node"
import { type Dataset, decodeImage, isAddress, listImages, openDataset } from "@vitrine/data/node"
import { type Image, locateData } from "vitrine"
import { complain } from "./errors.ts"
import { notePassedOver } from "./show/passed-over.ts"

/** The images that arguments name, which are decoded one by one. */
export interface OpenImages {
  /** Images of different data can have the same name. */
  readonly names: readonly string[]
  decode(name: string, index: number): Promise<Image>
  close(): Promise<void>
}

/**
 * Opens the images that the arguments name: files, folders with the images in them and below, and all other data that
 * training takes, such as archives, tables, Parquet, WebDataset's shards or a data set of the hub. Their images are
 * named by file and row.
 * @throws VitrineError (file, config), also for a folder that holds neither images nor such data
 */
export async function openImages(paths: readonly string[]): Promise<OpenImages> {
  const names: string[] = []
  const rows = new Map<number, () => Promise<Image>>()
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const each of closers) await each()
  }
  try {
    for (const path of paths) {
      const files = await filesOf(path)
      if (files !== undefined) names.push(...files)
      else
        for await (const dataset of datasetsOf(path)) {
          closers.push(async () => dataset.close?.())
          for (let i = 0; i < dataset.length; i++) {
            rows.set(names.length, () => dataset.read(i))
            names.push(dataset.describe(i))
          }
        }
    }
  } catch (error) {
    await close()
    throw error
  }
  return { names, decode: (name, index) => rows.get(index)?.() ?? decodeImage(name), close }
}

/** The image files that an argument names, or undefined if it names data. */
async function filesOf(path: string): Promise<readonly string[] | undefined> {
  const info = await stat(path).catch(() => undefined)
  if (info === undefined)
    return path.startsWith("hf:datasets/") || isAddress(path) || bracePattern(path) !== undefined ? undefined : [path]
  if (!info.isDirectory()) return isDataPath(path) ? undefined : [path]
  const { images, passedOver } = await listImages(path)
  if (images.length === 0) return undefined
  notePassedOver({ data: path, passedOver })
  return images.map((image) => join(path, image))
}

/** Opens all splits of data, one after the other. */
async function* datasetsOf(path: string): AsyncGenerator<Dataset> {
  const { resolved } = await locateData(path, { unlabelled: true, valFraction: 0 })
  notePassedOver({ data: path, passedOver: resolved.passedOver })
  for (const split of splits) {
    const source = resolved[split]
    if (source !== null) yield openDataset(source)
  }
}

export interface DecodedImage {
  readonly file: string
  readonly image: Image
}

/** The number of images in a batch, but for large images. */
export const batchSize = 16
/** The greatest number of pixels in a batch. */
const batchPixels = 48e6
/** The number of files that are decoded while the command waits for one. If files are large, it is smaller. */
const ahead = 3
/** The greatest number of pixels in an image. */
const mostPixels = 100e6
/** The number of bytes that contain the header of nearly every image. */
const headerBytes = 2 ** 16

/** Decodes images in batches for a model. An image that cannot be read is reported and left out. */
export async function* decodeBatches({
  names,
  decode,
}: Pick<OpenImages, "names" | "decode">): AsyncGenerator<readonly DecodedImage[]> {
  let batch: DecodedImage[] = []
  let pixels = 0
  for await (const [file, decoding] of decodedAhead(names, batchPixels, decode)) {
    try {
      const image = await decoding.value
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

/**
 * Each file with its image, which may still be decoding. Meanwhile the next files are decoded, until they have as many
 * pixels as a batch.
 */
export async function* decodedAhead(
  files: readonly string[],
  most: number = batchPixels,
  decode: OpenImages["decode"] = (file) => decodeImage(file),
): AsyncGenerator<readonly [file: string, image: { readonly value: Promise<Image> }]> {
  const queue: { readonly file: string; readonly pixels: number; readonly value: Promise<Image> }[] = []
  const waiting = (): number => queue.reduce((sum, { pixels }) => sum + pixels, 0)
  for (const [index, file] of files.entries()) {
    const pixels = await pixelsOf(file)
    while (queue.length > ahead || (queue.length > 0 && waiting() + pixels > most)) {
      const [next] = queue.splice(0, 1)
      if (next) yield [next.file, next]
    }
    const value = decode(file, index)
    value.catch(() => {}) // The error is shown when the file's turn comes.
    queue.push({ file, pixels, value })
  }
  for (const next of queue) yield [next.file, next]
}

/** The number of pixels in a file's header. If there is none, it is the greatest number that an image may have. */
async function pixelsOf(path: string): Promise<number> {
  const opened = await openFile(path).catch(() => undefined)
  if (opened === undefined) return 0
  const { file } = opened
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headerBytes), 0, headerBytes, 0)
    const { width, height } = imageHeader(buffer.subarray(0, bytesRead)) ?? { width: 0, height: 0 }
    return width * height || mostPixels
  } finally {
    await file.close()
  }
}

/** Each file of a batch with the model's answer for its image. */
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
