import { escapeControls, foldKey, keyFromSeed, randomStream, VitrineError } from "@vitrine/core"
import { corpusFiles } from "./corpus.ts"
import { type Cost, costOf } from "./cost.ts"
import { digestOf } from "./digest.ts"
import { mutate } from "./mutate.ts"
import { folder, type Target } from "./targets.ts"

/** The greatest time of the processor and memory for an input. */
export const bounds = { milliseconds: 1000, mebibytes: 300 } as const

/** An input that was neither read nor refused correctly. */
export interface Fault {
  readonly target: string
  /** The index of the input in the sequence of its seed; negative for a file of the corpus. */
  readonly index: number
  readonly fault: string
  readonly bytes: Uint8Array
}

export interface FuzzOptions {
  readonly seed: number
  /** The index of the first input, so that a long run can be divided. */
  readonly start?: number
  readonly count: number
  /** Ends after this time, even if there are fewer than `count` inputs. */
  readonly milliseconds?: number
}

export interface FuzzReport {
  readonly inputs: number
  /** The number of inputs that were read, and of those that were refused with a `VitrineError`. */
  readonly read: number
  readonly refused: number
  readonly faults: readonly Fault[]
  /** The greatest of all inputs. */
  readonly worst: Cost
}

/**
 * Feeds a parser with mutations of its corpus. Each must be read, or refused with a `VitrineError` of one line without
 * control characters, within a second of the processor and 300 MiB.
 */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, start = 0, count, milliseconds = Number.POSITIVE_INFINITY } = options
  const corpus = await corpusOf(target)
  const faults: Fault[] = []
  const counts = { read: 0, refused: 0 }
  for (const [i, bytes] of corpus.entries()) {
    const { fault } = await tried(target, bytes)
    if (fault !== null) faults.push({ target: target.name, index: -1 - i, fault, bytes })
  }
  const worst = { milliseconds: 0, mebibytes: 0 }
  const end = performance.now() + milliseconds
  let index = start
  for (; index < start + count && performance.now() < end; index++) {
    const bytes = inputAt(target, corpus, seed, index)
    const { result, fault, milliseconds, mebibytes } = await tried(target, bytes)
    worst.milliseconds = Math.max(worst.milliseconds, milliseconds)
    worst.mebibytes = Math.max(worst.mebibytes, mebibytes)
    if (result === null) counts.read++
    else counts.refused++
    if (fault !== null) faults.push({ target: target.name, index, fault, bytes })
  }
  return { inputs: index - start, ...counts, faults, worst }
}

/** The valid files of a parser, and those that once failed. */
async function corpusOf(target: Target): Promise<Uint8Array[]> {
  // `slice` and `fill` of Node's buffers differ from those of other byte arrays.
  return [...(await target.corpus()), ...corpusFiles(target.name)].map((bytes) => Uint8Array.from(bytes))
}

function inputAt({ name }: Target, corpus: readonly Uint8Array[], seed: number, index: number): Uint8Array {
  const random = randomStream(foldKey(keyFromSeed(seed), name, index))
  return mutate(corpus[random.integer(corpus.length)] ?? new Uint8Array(), corpus, random)
}

/**
 * What a parser reads of its corpus and of mutations of it, as digests by the index of the input; null for those that it
 * refuses. The corpus has negative indices. Two versions that read the same have the same digests.
 */
export async function digests(
  target: Target,
  { seed, start = 0, count }: FuzzOptions,
): Promise<Record<number, string | null>> {
  const corpus = await corpusOf(target)
  const all: Record<number, string | null> = {}
  const put = async (index: number, bytes: Uint8Array): Promise<void> => {
    all[index] = await Promise.resolve(bytes)
      .then(target.parse)
      .then((value) => digestOf(value, folder))
      .catch(() => null)
  }
  for (const [i, bytes] of corpus.entries()) await put(-1 - i, bytes)
  for (let index = start; index < start + count; index++) await put(index, inputAt(target, corpus, seed, index))
  return all
}

/**
 * Feeds a parser. Time and memory over the bounds are a fault if they are so twice: the first input makes it load its
 * libraries.
 */
async function tried(target: Target, bytes: Uint8Array): Promise<Cost & Tried> {
  const cost = await costOf(() => outcome(target, bytes))
  const fault = faultOf(cost.result) ?? (excessOf(cost) && excessOf(await costOf(() => outcome(target, bytes))))
  return { ...cost, fault }
}

interface Tried {
  readonly result: unknown
  readonly fault: string | null
}

/** What is over the bounds, in words. */
function excessOf({ milliseconds, mebibytes }: Cost): string | null {
  if (milliseconds > bounds.milliseconds) return `took ${milliseconds.toFixed(0)} ms`
  return mebibytes > bounds.mebibytes ? `took ${mebibytes.toFixed(0)} MiB` : null
}

/** Null if an input is read, otherwise the thrown error. */
async function outcome(target: Target, bytes: Uint8Array): Promise<unknown> {
  try {
    await target.parse(bytes)
    return null
  } catch (error) {
    return error
  }
}

/** The fault of an error in words, or null for a `VitrineError` of one line, and where there is no error. */
function faultOf(error: unknown): string | null {
  if (error === null) return null
  if (!VitrineError.isInstance(error)) return `threw ${String((error as Error).stack ?? error).slice(0, 600)}`
  if (escapeControls(error.message) !== error.message)
    return `has control characters in its message: ${JSON.stringify(error.message)}`
  if (error.message.length > 2000) return `has a message of ${error.message.length} characters`
  return null
}
