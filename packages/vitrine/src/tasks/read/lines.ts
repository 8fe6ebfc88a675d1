import { VitrineError } from "@vitrine/core"
import { applyTransforms, grayscale, type Image, type LineSet, normalize, resizeImage, toRgb } from "@vitrine/data"
import { type BatchJob, readAhead } from "@vitrine/data/internal"
import {
  type Alphabet,
  alphabet,
  charactersOf,
  graphemes,
  type ImageSourceConfig,
  type Seq2SeqConfig,
  sourceLength,
  type TextBatch,
} from "@vitrine/seq2seq"
import type { ReadingFacts } from "./recipe-type.ts"

/** The options for preparing a reader's lines. */
export interface LinePreparation {
  readonly config: Seq2SeqConfig
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Lines as the input of a reader. */
export interface PreparedLines {
  /** [size, height, width, channels] */
  readonly source: Float32Array
  /** 1 for patches beyond the image, [size, patches]. */
  readonly padding: Uint8Array
}

/** Memory for `size` lines. All of it is padding. */
export function roomFor(config: Seq2SeqConfig, size: number): PreparedLines {
  const { imageSize, channels } = imageSource(config)
  return {
    source: new Float32Array(size * imageSize[0] * imageSize[1] * channels),
    padding: new Uint8Array(size * sourceLength(config)).fill(1),
  }
}

/** @throws VitrineError (config) for a model that reads tokens */
export function imageSource({ source }: Seq2SeqConfig): ImageSourceConfig {
  if (source.kind !== "image") throw new VitrineError("config", "the model reads tokens, not images")
  return source
}

/**
 * Puts an image at the left of a row. The image is scaled to the model's height. If it is then too wide, it is squeezed
 * to the model's width. The remaining columns are 0, and patches that lie wholly in them are padding.
 */
export function placeLine(
  image: Image,
  { config, mean, std }: LinePreparation,
  lines: PreparedLines,
  row: number,
): void {
  const { imageSize, patchSize, channels } = imageSource(config)
  const [height, width] = imageSize
  const lineWidth = Math.min(width, Math.max(1, Math.round((image.width * height) / image.height)))
  const fits = image.height === height && image.width === lineWidth
  const scaled = fits ? image : resizeImage(image, lineWidth, height, "bicubic")
  const { data } = applyTransforms(scaled, [channels === 1 ? grayscale() : toRgb(), normalize(mean, std)])
  const values = lineWidth * channels
  for (let y = 0; y < height; y++)
    lines.source.set(data.subarray(y * values, (y + 1) * values), (row * height + y) * width * channels)
  const columns = width / patchSize[1]
  const covered = Math.ceil(lineWidth / patchSize[1])
  const patches = sourceLength(config)
  for (let patch = 0; patch < patches; patch++) lines.padding[row * patches + patch] = patch % columns < covered ? 0 : 1
}

/** A prepared line as a picture, and the place of its patches. */
export interface LineView {
  /** The line at the model's height, without the columns of patches that are padding. */
  readonly view: Image
  /** Rows and columns of all patches. */
  readonly grid: { readonly rows: number; readonly columns: number }
  /** The number of rows and columns of patches, from the left, that cover `view`. */
  readonly within: { readonly rows: number; readonly columns: number }
}

/** The view of the first prepared line. */
export function lineView({ source, padding }: PreparedLines, { config, mean, std }: LinePreparation): LineView {
  const { imageSize, patchSize, channels } = imageSource(config)
  const [height, width] = imageSize
  const [rows, columns] = [height / patchSize[0], width / patchSize[1]]
  const covered = padding.subarray(0, columns).filter((hidden) => hidden === 0).length
  const viewWidth = covered * patchSize[1]
  const data = new Uint8Array(height * viewWidth * channels)
  for (let y = 0; y < height; y++) {
    const start = y * width * channels
    const line = source.subarray(start, start + viewWidth * channels)
    for (const [i, value] of line.entries()) {
      const channel = i % channels
      const level = value * (std[channel] ?? 1) + (mean[channel] ?? 0)
      data[y * line.length + i] = Math.round(255 * Math.min(1, Math.max(0, level)))
    }
  }
  return {
    view: { width: viewWidth, height, channels: channels === 1 ? 1 : 3, data },
    grid: { rows, columns },
    within: { rows, columns: covered },
  }
}

/** A function that makes batches from lines and their texts. */
export function lineBatches(
  lines: LineSet,
  { encode }: Alphabet,
  preparation: LinePreparation,
  batchSize: number,
): (job: Pick<BatchJob, "examples">) => Promise<TextBatch> {
  const { config } = preparation
  const { length, end } = config
  return async ({ examples }) => {
    const prepared = roomFor(config, batchSize)
    const targets = new Int32Array(batchSize * length).fill(end)
    const weights = new Float32Array(batchSize * length)
    let row = 0
    for await (const [example, image] of readAhead(examples, (each, admit) => lines.read(each, admit))) {
      placeLine(image, preparation, prepared, row)
      const tokens = encode(lines.text(example))
      targets.set(tokens, row * length)
      weights.fill(1, row * length, row * length + tokens.length + 1)
      row++
    }
    return { ...prepared, targets, weights, size: batchSize }
  }
}

/**
 * The lines on which a reader can be trained or measured. `skipped` names the others: their texts are too long for the
 * reader, or have characters that are not in its alphabet.
 */
export function readableLines(
  lines: LineSet,
  { characters }: Alphabet,
  config: Pick<Seq2SeqConfig, "length">,
): { readonly lines: LineSet; readonly skipped: readonly string[] } {
  const readable = new Set(characters)
  const { drawn } = lines
  if (drawn && drawn.longest < config.length && drawn.characters.every((each) => readable.has(each)))
    return { lines, skipped: [] }
  const skipped: string[] = []
  const indices: number[] = []
  for (let i = 0; i < lines.length; i++) {
    const text = graphemes(lines.text(i))
    const unknown = text.find((character) => !readable.has(character))
    if (unknown !== undefined) skipped.push(`${lines.describe(i)}: the model does not know ${JSON.stringify(unknown)}`)
    else if (text.length >= config.length)
      skipped.push(`${lines.describe(i)}: has ${text.length} characters, the model reads ${config.length - 1}`)
    else indices.push(i)
  }
  if (skipped.length === 0) return { lines, skipped }
  const at = (index: number): number => {
    const line = indices[index]
    if (line === undefined) throw new RangeError(`${lines.name}: there is no line ${index} of ${indices.length}`)
    return line
  }
  return {
    skipped,
    lines: {
      ...lines,
      length: indices.length,
      text: (index) => lines.text(at(index)),
      describe: (index) => lines.describe(at(index)),
      read: (index, admit) => lines.read(at(index), admit),
    },
  }
}

/** The number of lines that are read for the facts of a data set. */
const sampleSize = 200
/** The height to which lines of different heights are scaled, and the greatest width of the result. */
const [usualHeight, greatestWidth] = [32, 2048]

/** The facts of lines from which the missing fields of a recipe follow. */
export async function readingFacts(lines: LineSet): Promise<ReadingFacts> {
  const texts = lines.drawn ? [] : Array.from({ length: lines.length }, (_, i) => lines.text(i))
  const characters = lines.drawn?.characters ?? charactersOf(texts)
  const longest = lines.drawn?.longest ?? texts.reduce((most, text) => Math.max(most, graphemes(text).length), 0)
  const step = Math.max(1, Math.floor(lines.length / sampleSize))
  const sample = Array.from({ length: Math.min(sampleSize, Math.ceil(lines.length / step)) }, (_, i) => i * step)
  let [widest, sum, squares, count] = [0, 0, 0, 0]
  for await (const [, image] of readAhead(sample, (each, admit) => lines.read(each, admit))) {
    widest = Math.max(widest, image.width / image.height)
    const { data } = applyTransforms(image, [grayscale()])
    for (const value of data) {
      sum += value
      squares += value * value
    }
    count += data.length
  }
  const imageSize: readonly [number, number] = lines.largest ?? [
    usualHeight,
    Math.min(greatestWidth, Math.ceil(widest * usualHeight)),
  ]
  const mean = sum / count
  const std = Math.max(1 / 255, Math.sqrt(squares / count - mean * mean))
  return { examples: lines.length, alphabet: alphabet(characters), longest, imageSize, mean: [mean], std: [std] }
}
