import { checkTensors, toFloat32, type Weights } from "@vitrine/checkpoint"
import { type Backend, type HostTensor, ops, type Scope, type Tensor, VitrineError } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import {
  type Alphabet,
  createDecoder,
  type Hypothesis,
  type SearchOptions,
  seq2seq,
  seq2seqParameters,
  sourceInput,
  sourceLength,
} from "@vitrine/seq2seq"
import { checkFinite } from "../../finite.ts"
import { type TapShape, tapGraph, tapShapes } from "../../taps.ts"
import { type LineView, lineView, placeLine, roomFor } from "./lines.ts"
import type { ReadingRecord } from "./record-type.ts"
import { readingRecordOf } from "./record.ts"

/** A possible text of an image. */
export interface Reading {
  readonly text: string
  /** The probability of the whole text and its end. */
  readonly probability: number
  /** The probability of each character, given those before it. */
  readonly characters: readonly { readonly character: string; readonly probability: number }[]
  /** False for a text that was cut at the greatest length of the model. */
  readonly ended: boolean
}

/** A model that reads lines of text. `Input` is the platform's type of an image. */
export interface Reader<Input> {
  /** The characters that it can read. */
  readonly characters: readonly string[]
  readonly backend: Backend
  readonly record: ReadingRecord
  /** The readings of each image, most probable first: one, or up to `beams`. */
  read(images: readonly Input[], options?: SearchOptions): Promise<Reading[][]>
  /**
   * Intermediate values of an image and its most probable reading, by the names of the model's taps, such as
   * `decoder.layers.0.multihead_attn.weights`. The decoder's input is the token that begins a text, followed by those
   * of the reading. The first dimension of each value is 1.
   * @throws VitrineError (config) for a name that the model does not have
   */
  inspect(image: Input, taps: readonly string[]): Promise<ReadingInspection>
  /** The names that `inspect` accepts, in the order of computation, with the shapes for the longest reading. */
  taps(): TapShape[]
  /** Releases the programs, and the backend if it was opened for this model. */
  close(): Promise<void>
}

/** Intermediate values of a reader, its reading, and the line as the model gets it. */
export interface ReadingInspection extends LineView {
  readonly taps: Readonly<Record<string, HostTensor>>
  readonly reading: Reading
}

/** A reader with its weights in memory, by name. */
export interface WholeReader {
  readonly record: ReadingRecord
  readonly alphabet: Alphabet
  readonly values: Readonly<Record<string, Float32Array>>
}

/**
 * Reads the weights of a reader.
 * @param name the model's name in errors
 * @param file the name of its `config.json`
 * @param path the name of its weights
 * @throws VitrineError (file, config) for another kind of model, and for weights that are not those of its configuration
 */
export async function wholeReader(
  json: unknown,
  weights: Weights,
  { name, file, path }: { readonly name: string; readonly file: string; readonly path: string },
): Promise<WholeReader> {
  const run = readerRecord(json, name, file)
  const parameters = seq2seqParameters(run.record.recipe.config)
  checkTensors(weights, parameters, path)
  const values: Record<string, Float32Array> = {}
  for (const { name } of parameters) values[name] = toFloat32(await weights.read(name))
  return { ...run, values }
}

/** @throws VitrineError (config) for the configuration of another kind of model */
export function readerRecord(json: unknown, name: string, file: string): Omit<WholeReader, "values"> {
  const run = readingRecordOf(json, file)
  if (run === null)
    throw new VitrineError("config", `${name}: does not read; vitrine predict says what an image shows as a whole`)
  return run
}

export interface ReaderParts<Input> extends WholeReader {
  /** The model's name in errors. */
  readonly name: string
  readonly backend: Backend
  decode(image: Input): Promise<Image>
  close(): Promise<void>
}

/** A reader of the weights in memory. */
export function createReader<Input>(parts: ReaderParts<Input>): Reader<Input> {
  const { record, alphabet, values, name, backend, decode, close } = parts
  const { recipe } = record
  const { config } = recipe
  const decoder = createDecoder(backend, config, values)
  const forward = (scope: Scope, length: number): Tensor => {
    const tokens = ops.input("tokens", [1, length], "int32")
    const padding = ops.input("padding", [1, sourceLength(config)], "bool")
    return seq2seq(scope, sourceInput(config, 1), tokens, config, padding)
  }
  return {
    characters: alphabet.characters,
    backend,
    record,
    async read(images, search) {
      const lines = roomFor(config, images.length)
      for (const [row, image] of images.entries()) placeLine(await decode(image), recipe, lines, row)
      if (images.length === 0) return []
      const { source, padding } = lines
      const hypotheses = await decoder.decode(source, images.length, { ...search, padding })
      return hypotheses.map((best) => best.map((hypothesis) => readingOf(hypothesis, alphabet)))
    },
    async inspect(image, taps) {
      const line = roomFor(config, 1)
      placeLine(await decode(image), recipe, line, 0)
      const [[best] = []] = await decoder.decode(line.source, 1, { padding: line.padding })
      if (best === undefined) throw new VitrineError("config", `${name}: finds no reading of the image`)
      const tokens = Int32Array.from([config.begin, ...best.tokens]).subarray(0, config.length)
      const graph = tapGraph(taps, (scope) => forward(scope, tokens.length))
      const inputs = Object.entries({ ...line, tokens }).filter(([name]) => name in graph.inputs)
      const program = await backend.compile(graph, { constants: values })
      try {
        const tapValues = await program.run(Object.fromEntries(inputs))
        return { taps: tapValues, reading: readingOf(best, alphabet), ...lineView(line, recipe) }
      } finally {
        await program.dispose()
      }
    },
    taps: () => tapShapes((scope) => forward(scope, config.length)),
    async close() {
      await decoder.dispose()
      await close()
    },
  }
}

function readingOf({ tokens, ended, logProbabilities }: Hypothesis, alphabet: Alphabet): Reading {
  checkFinite(logProbabilities)
  return {
    text: alphabet.decode(tokens),
    probability: Math.exp(logProbabilities.reduce((a, b) => a + b, 0)),
    characters: logProbabilities.slice(0, tokens.length).map((value, i) => ({
      character: alphabet.decode(tokens.slice(i, i + 1)),
      probability: Math.exp(value),
    })),
    ended,
  }
}
