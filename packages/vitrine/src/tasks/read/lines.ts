import { VitrineError } from "@vitrine/core"
import {
  applyTransforms,
  type BatchJob,
  grayscale,
  type Image,
  type LineSet,
  normalize,
  resizeImage,
  toRgb,
  wasmPasses,
} from "@vitrine/data"
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
import type { ReadingFacts } from "./recipe.ts"

/** How lines are prepared for a reader. */
export interface LinePreparation {
  readonly config: Seq2SeqConfig
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Room for prepared lines: what a reader is given. */
export interface PreparedLines {
  /** [size, height, width, channels] */
  readonly source: Float32Array
  /** 1 for patches beyond the image, [size, patches]. */
  readonly padding: Uint8Array
}

export function roomFor(config: Seq2SeqConfig, size: number): PreparedLines {
  const { imageSize, channels } = imageSource(config)
  return {
    source: new Float32Array(size * imageSize[0] * imageSize[1] * channels),
    padding: new Uint8Array(size * sourceLength(config)).fill(1),
  }
}

export function imageSource({ source }: Seq2SeqConfig): ImageSourceConfig {
  if (source.kind !== "image") throw new VitrineError("config", "the model reads tokens, not images")
  return source
}

/**
 * Puts an image at a row: scaled to the model's height, or where it is too wide for that to its width too, at the left. What
 * is right of it is 0, and no patch that lies there altogether is looked at.
 */
export function placeLine(
  image: Image,
  { config, mean, std }: LinePreparation,
  into: PreparedLines,
  row: number,
): void {
  const { imageSize, patchSize, channels } = imageSource(config)
  const [height, width] = imageSize
  const own = Math.min(width, Math.max(1, Math.round((image.width * height) / image.height)))
  const fits = image.height === height && image.width === own
  const scaled = fits ? image : resizeImage(image, own, height, "bicubic", undefined, wasmPasses())
  const { data } = applyTransforms(scaled, [channels === 1 ? grayscale() : toRgb(), normalize(mean, std)])
  const line = own * channels
  for (let y = 0; y < height; y++)
    into.source.set(data.subarray(y * line, (y + 1) * line), (row * height + y) * width * channels)
  const columns = width / patchSize[1]
  const seen = Math.ceil(own / patchSize[1])
  const patches = sourceLength(config)
  for (let patch = 0; patch < patches; patch++) into.padding[row * patches + patch] = patch % columns < seen ? 0 : 1
}

/** The first prepared line as a picture, without the patches that are not looked at, and how its patches lie. */
export function seenOf(
  { source, padding }: PreparedLines,
  { config, mean, std }: LinePreparation,
): { readonly view: Image; readonly grid: { readonly rows: number; readonly columns: number; readonly seen: number } } {
  const { imageSize, patchSize, channels } = imageSource(config)
  const [height, whole] = imageSize
  const [rows, columns] = [height / patchSize[0], whole / patchSize[1]]
  const seen = padding.subarray(0, columns).filter((hidden) => hidden === 0).length
  const width = seen * patchSize[1]
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => {
    const [place, channel] = [Math.floor(i / channels), i % channels]
    const value = source[(Math.floor(place / width) * whole + (place % width)) * channels + channel] as number
    return Math.round(255 * Math.min(1, Math.max(0, value * (std[channel] as number) + (mean[channel] as number))))
  })
  return { view: { width, height, channels: channels as 1 | 3, data }, grid: { rows, columns, seen } }
}

/** A function that makes batches of lines and their texts. */
export function lineBatches(
  lines: LineSet,
  { encode }: Alphabet,
  prepare: LinePreparation,
  batchSize: number,
): (job: Pick<BatchJob, "examples">) => Promise<TextBatch> {
  const { config } = prepare
  const { length, end } = config
  return async ({ examples }) => {
    const prepared = roomFor(config, batchSize)
    const targets = new Int32Array(batchSize * length).fill(end)
    const weights = new Float32Array(batchSize * length)
    const images = await Promise.all(Array.from(examples, (example) => lines.read(example)))
    for (const [row, image] of images.entries()) {
      placeLine(image, prepare, prepared, row)
      const tokens = encode(lines.text(examples[row] as number))
      targets.set(tokens, row * length)
      weights.fill(1, row * length, row * length + tokens.length + 1)
    }
    return { ...prepared, targets, weights, size: batchSize }
  }
}

/**
 * The lines that a reader can be asked for: others, whose texts have characters that it does not know or are too long for it,
 * are left out and named.
 */
export function readable(
  lines: LineSet,
  { characters }: Alphabet,
  config: Pick<Seq2SeqConfig, "length">,
): { readonly lines: LineSet; readonly skipped: readonly string[] } {
  const known = new Set(characters)
  const { drawn } = lines
  if (drawn && drawn.longest < config.length && drawn.characters.every((each) => known.has(each)))
    return { lines, skipped: [] }
  const skipped: string[] = []
  const kept: number[] = []
  for (let i = 0; i < lines.length; i++) {
    const own = graphemes(lines.text(i))
    const stranger = own.find((character) => !known.has(character))
    if (stranger !== undefined)
      skipped.push(`${lines.describe(i)}: the model does not know ${JSON.stringify(stranger)}`)
    else if (own.length >= config.length)
      skipped.push(`${lines.describe(i)}: has ${own.length} characters, the model reads ${config.length - 1}`)
    else kept.push(i)
  }
  if (skipped.length === 0) return { lines, skipped }
  const at = (index: number): number => kept[index] as number
  return {
    skipped,
    lines: {
      ...lines,
      length: kept.length,
      text: (index) => lines.text(at(index)),
      describe: (index) => lines.describe(at(index)),
      read: (index) => lines.read(at(index)),
    },
  }
}

/** Lines that are looked at for what they have in common. */
const looked = 200
/** Height that lines of many sizes are scaled to, and the greatest width that is taken without being told. */
const [usualHeight, greatestWidth] = [32, 2048]

/** What a recipe needs to know of lines. */
export async function readingFacts(lines: LineSet): Promise<ReadingFacts> {
  const texts = lines.drawn ? [] : Array.from({ length: lines.length }, (_, i) => lines.text(i))
  const characters = lines.drawn?.characters ?? charactersOf(texts)
  const longest = lines.drawn?.longest ?? texts.reduce((most, text) => Math.max(most, graphemes(text).length), 0)
  const step = Math.max(1, Math.floor(lines.length / looked))
  const images: Image[] = []
  for (let i = 0; i < lines.length && images.length < looked; i += step) images.push(await lines.read(i))
  const widest = Math.max(...images.map(({ width, height }) => width / height))
  const size: readonly [number, number] = lines.largest ?? [
    usualHeight,
    Math.min(greatestWidth, Math.ceil(widest * usualHeight)),
  ]
  let [sum, squares, count] = [0, 0, 0]
  for (const image of images) {
    const { data } = applyTransforms(image, [grayscale()])
    for (const value of data) {
      sum += value
      squares += value * value
    }
    count += data.length
  }
  const mean = sum / count
  const std = Math.max(1 / 255, Math.sqrt(squares / count - mean * mean))
  return { examples: lines.length, alphabet: alphabet(characters), longest, imageSize: size, mean: [mean], std: [std] }
}
