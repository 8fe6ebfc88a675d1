import { escapeControls, foldKey, keyFromSeed, randomStream, VitrineError } from "@vitrine/core"
import { mutate } from "./mutate.ts"
import type { Target } from "./targets.ts"

/** What an input may take. */
export const bounds = { milliseconds: 1000, mebibytes: 300 } as const

/** An input that was not read or refused as it should be. */
export interface Fault {
  readonly target: string
  /** The place of the input in the sequence of its seed. */
  readonly index: number
  readonly fault: string
  readonly bytes: Uint8Array
}

export interface FuzzOptions {
  readonly seed: number
  /** The first input, so that a long run can be cut into parts. */
  readonly start?: number
  readonly count: number
  /** Ends after so many milliseconds, whatever `count` says. */
  readonly milliseconds?: number
}

export interface FuzzReport {
  readonly inputs: number
  /** Inputs that were read, and that were refused with a `VitrineError`. */
  readonly read: number
  readonly refused: number
  readonly faults: readonly Fault[]
}

/**
 * Gives a parser mutations of its corpus. Each is to be read, or refused with a `VitrineError` of one line without control
 * characters, within a second and 300 MiB.
 */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, start = 0, count, milliseconds = Number.POSITIVE_INFINITY } = options
  // Buffers of Node differ from other arrays of bytes in what slice and fill do.
  const corpus = (await target.corpus()).map((bytes) => Uint8Array.from(bytes))
  const faults: Fault[] = []
  const counts = { read: 0, refused: 0 }
  // Parsers load their libraries with the first inputs.
  for (const bytes of corpus) await outcome(target, bytes)
  const end = performance.now() + milliseconds
  let index = start
  for (; index < start + count && performance.now() < end; index++) {
    const random = randomStream(foldKey(keyFromSeed(seed), target.name, index))
    const bytes = mutate(corpus[random.integer(corpus.length)] ?? new Uint8Array(), corpus, random)
    const memory = peak()
    const begin = performance.now()
    const result = await outcome(target, bytes)
    const took = performance.now() - begin
    const fault =
      result instanceof Error || typeof result === "string"
        ? faultOf(result)
        : took > bounds.milliseconds
          ? `took ${took.toFixed(0)} ms`
          : peak() - memory > bounds.mebibytes
            ? `took ${(peak() - memory).toFixed(0)} MiB`
            : null
    if (result === null) counts.read++
    else counts.refused++
    if (fault !== null) faults.push({ target: target.name, index, fault, bytes })
  }
  return { inputs: index - start, ...counts, faults }
}

/** The most memory that the process has had, in MiB. */
const peak = (): number => process.resourceUsage().maxRSS / 1024

/** Null for an input that is read, and what is thrown for another. */
async function outcome(target: Target, bytes: Uint8Array): Promise<unknown> {
  try {
    await target.parse(bytes)
    return null
  } catch (error) {
    return error
  }
}

/** What is wrong with an error; null for a `VitrineError` of one line. */
function faultOf(error: unknown): string | null {
  if (!VitrineError.isInstance(error)) return `threw ${String((error as Error).stack ?? error).slice(0, 600)}`
  if (escapeControls(error.message) !== error.message)
    return `has control characters in its message: ${JSON.stringify(error.message)}`
  if (error.message.length > 2000) return `has a message of ${error.message.length} characters`
  return null
}
