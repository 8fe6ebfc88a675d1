import { join } from "node:path"
import { checkTensors, toFloat32 } from "@vitrine/checkpoint"
import { openSafetensors, readJson } from "@vitrine/checkpoint/node"
import { type Backend, type HostTensor, ops, type Scope, type Tensor, VitrineError } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
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
import { placeLine, roomFor, seenOf } from "../lines.ts"
import { type ReadingRecord, readingRecordOf } from "../record.ts"
import { type BackendOptions, createBackend } from "../../../node/backends.ts"
import { checkFinite } from "../../../finite.ts"
import { type TapShape, tapGraph, tapShapes } from "../../../taps.ts"
import { locate } from "../../../node/hub.ts"
import type { ImageInput } from "../../classify/node/load.ts"

/** A text that may stand in an image. */
export interface Reading {
  readonly text: string
  /** Of the whole text, its end included. */
  readonly probability: number
  /** Each character, given those before it. */
  readonly characters: readonly { readonly character: string; readonly probability: number }[]
  /** Whether it came to an end, or was cut off at the most characters that the model reads. */
  readonly ended: boolean
}

/** A model that reads lines of text. */
export interface Reader {
  /** What it can read. */
  readonly characters: readonly string[]
  readonly backend: Backend
  readonly record: ReadingRecord
  /** For each image its readings, the likeliest first: one, or by `beams` as many at most. */
  read(images: readonly ImageInput[], options?: SearchOptions): Promise<Reading[][]>
  /**
   * Intermediate values by the names of the model's taps, such as `decoder.layers.0.multihead_attn.weights`, of an image and
   * its likeliest reading: the target is the token that begins a text and those of the reading. Each has a first dimension
   * of 1.
   * @throws VitrineError (config) for a name that the model does not have.
   */
  inspect(image: ImageInput, taps: readonly string[]): Promise<ReadingInspection>
  /** The names that `inspect` takes, in the order of the computation, with the shapes for the longest reading. */
  taps(): TapShape[]
  /** Releases the programs, and the backend if it was made for this model. */
  close(): Promise<void>
}

/** What a reader computed on its way, and of what. */
export interface ReadingInspection {
  readonly taps: Readonly<Record<string, HostTensor>>
  readonly reading: Reading
  /** The line as the model sees it: at its height, with what was padded for whole patches. */
  readonly view: Image
  /** Rows and columns of all patches, and the columns that cover `view`. */
  readonly grid: { readonly rows: number; readonly columns: number; readonly seen: number }
}

export interface LoadReaderOptions extends BackendOptions {
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend
}

/**
 * Loads a model that reads, from a run folder.
 *
 *     const reader = await loadReader("runs/mnist-1")
 *     console.log((await reader.read(["row.png"]))[0][0].text)
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault.
 */
export async function loadReader(path: string, options: LoadReaderOptions = {}): Promise<Reader> {
  const { backend: wanted = "auto", ...engine } = options
  const { record, alphabet, values } = await readReader((await locate(path)).path)
  const own = typeof wanted === "string"
  const backend = own ? await createBackend(wanted, engine) : wanted
  const { config } = record.recipe
  const decoding = createDecoder(backend, config, values)
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
      const prepared = roomFor(config, images.length)
      for (const [row, image] of images.entries()) placeLine(await decoded(image), record.recipe, prepared, row)
      if (images.length === 0) return []
      const { source, padding } = prepared
      const found = await decoding.decode(source, images.length, { ...search, padding })
      return found.map((own) => own.map((one) => readingOf(one, alphabet)))
    },
    async inspect(image, taps) {
      const prepared = roomFor(config, 1)
      placeLine(await decoded(image), record.recipe, prepared, 0)
      const [[best] = []] = await decoding.decode(prepared.source, 1, { padding: prepared.padding })
      const { tokens } = best as Hypothesis
      const length = Math.min(tokens.length + 1, config.length)
      const g = tapGraph(taps, (scope) => forward(scope, length))
      const program = await backend.compile(g, { constants: values })
      try {
        const inputs = { ...prepared, tokens: Int32Array.from([config.begin, ...tokens]).subarray(0, length) }
        const own = Object.entries(inputs).filter(([name]) => name in g.inputs)
        const found = await program.run(Object.fromEntries(own))
        return { taps: found, reading: readingOf(best as Hypothesis, alphabet), ...seenOf(prepared, record.recipe) }
      } finally {
        await program.dispose()
      }
    },
    taps: () => tapShapes((scope) => forward(scope, config.length)),
    async close() {
      await decoding.dispose()
      if (own) await backend.close()
    },
  }
}

function readingOf({ tokens, ended, logProbabilities }: Hypothesis, alphabet: Alphabet): Reading {
  checkFinite(logProbabilities)
  return {
    text: alphabet.decode(tokens),
    probability: Math.exp(logProbabilities.reduce((a, b) => a + b, 0)),
    characters: tokens.map((token, i) => ({
      character: alphabet.decode([token]),
      probability: Math.exp(logProbabilities[i] as number),
    })),
    ended,
  }
}

async function decoded(image: ImageInput): Promise<Image> {
  return typeof image === "string" || image instanceof Uint8Array ? decodeImage(image) : image
}

/** What a folder says of a reader, and its weights by name. */
export interface ReaderFolder {
  readonly record: ReadingRecord
  readonly alphabet: Alphabet
  readonly values: Readonly<Record<string, Float32Array>>
}

/** `config.json` of a model's folder; null for what has none. */
async function configOf(path: string): Promise<unknown> {
  return readJson(join(path, "config.json")).catch(() => null)
}

/** @throws VitrineError (file, config) for a folder that is missing or broken, or of another kind of model. */
export async function readReader(path: string): Promise<ReaderFolder> {
  const found = readingRecordOf(await configOf(path), join(path, "config.json"))
  if (found === null)
    throw new VitrineError("config", `${path}: does not read; vitrine predict says what an image shows as a whole`)
  const weights = await openSafetensors(join(path, "model.safetensors"))
  try {
    const parameters = seq2seqParameters(found.record.recipe.config)
    checkTensors(weights, parameters, weights.path)
    const values: Record<string, Float32Array> = {}
    for (const { name } of parameters) values[name] = toFloat32(await weights.read(name))
    return { ...found, values }
  } finally {
    await weights.close()
  }
}
