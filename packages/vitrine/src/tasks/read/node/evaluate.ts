import { showValue, VitrineError } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { readAhead } from "@vitrine/data/internal"
import { resolveLines } from "@vitrine/data/node"
import { alphabet, graphemes, type SearchOptions } from "@vitrine/seq2seq"
import { readableLines } from "../lines.ts"
import { type LoadReaderOptions, loadReader } from "./load.ts"

/** Options of measuring a model that reads. */
export interface EvaluateReaderOptions extends LoadReaderOptions, SearchOptions {
  /** A path; the training data by default. */
  readonly data?: string | undefined
  /** `val` by default. */
  readonly split?: "train" | "val" | undefined
  /** The number of lines in a batch; 64 by default, fewer if they are large. It does not change the result. */
  readonly batchSize?: number | undefined
}

/** The figures of a model that reads, and what was measured. */
export interface ReaderEvaluation {
  readonly data: string
  readonly split: "train" | "val"
  /** The number of lines. */
  readonly examples: number
  /** The share of the lines that are read exactly. */
  readonly exact: number
  /** 1 minus the share of characters to change, add and remove (Levenshtein's distance). */
  readonly characters: number
  /** Lines that were not read, each with the reason. */
  readonly skipped: readonly string[]
  /** The first lines that are not read exactly. */
  readonly mistakes: readonly { readonly line: string; readonly text: string; readonly read: string }[]
}

const splits: readonly string[] = ["train", "val"]
const mostMistakes = 20
/** The greatest number of lines that are read. A training set of generated rows has no end. */
const mostLines = 20_000
/** The greatest number of pixels of the images in a batch, before the last of them. */
const batchPixels = 48e6

/**
 * Measures a model that reads by decoding each line.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluateReader(path: string, options: EvaluateReaderOptions = {}): Promise<ReaderEvaluation> {
  const { data, split = "val", batchSize = 64, beams, lengthPenalty, ...loading } = options
  if (!splits.includes(split))
    throw new VitrineError(
      "config",
      `split must be ${splits.join(" or ")} for a model that reads, got ${showValue(split)}`,
    )
  const reader = await loadReader(path, loading)
  const closers = [reader.close]
  try {
    const { seed, valFraction, recipe, data: trainingData } = reader.record
    const name = data ?? trainingData
    const resolved = await resolveLines(name, { seed, valFraction, characters: recipe.characters })
    closers.push(resolved.close)
    const part = resolved[split]
    if (part === null) throw new VitrineError("config", `${name}: has no validation lines; evaluate on split "train"`)
    const { lines, skipped } = readableLines(part, alphabet(reader.characters), recipe.config)
    const total = Math.min(lines.length, mostLines)
    if (total === 0) throw new VitrineError("file", `${name}: has no line that the model could read; ${skipped[0]}`)
    let [exact, edits, characters] = [0, 0, 0]
    const mistakes: ReaderEvaluation["mistakes"][number][] = []
    const measure = async (batch: readonly Image[], from: number): Promise<void> => {
      for (const [i, [best]] of (await reader.read(batch, { beams, lengthPenalty })).entries()) {
        const text = lines.text(from + i)
        const read = best?.text ?? ""
        characters += graphemes(text).length
        edits += editDistance(graphemes(text), graphemes(read))
        if (read === text) exact++
        else if (mistakes.length < mostMistakes) mistakes.push({ line: lines.describe(from + i), text, read })
      }
    }
    let batch: Image[] = []
    let pixels = 0
    const indices = Array.from({ length: total }, (_, i) => i)
    for await (const [line, image] of readAhead(indices, (each, admit) => lines.read(each, admit))) {
      batch.push(image)
      pixels += image.width * image.height
      if (batch.length < batchSize && pixels < batchPixels && line + 1 < total) continue
      await measure(batch, line + 1 - batch.length)
      batch = []
      pixels = 0
    }
    return {
      data: name,
      split,
      examples: total,
      exact: exact / total,
      characters: 1 - edits / characters,
      skipped: [...resolved.skipped, ...skipped],
      mistakes,
    }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

/** The least number of changes, additions and removals that turn one text into the other. */
function editDistance(a: readonly string[], b: readonly string[]): number {
  // distances[j] is the distance of the first i characters of a and the first j of b.
  let distances = [0, ...b.map((_, j) => j + 1)]
  for (const [i, left] of a.entries()) {
    let [diagonal = 0] = distances
    let previous = i + 1
    const next = [previous]
    for (const [j, above] of distances.slice(1).entries()) {
      previous = Math.min(diagonal + (left === b[j] ? 0 : 1), above + 1, previous + 1)
      next.push(previous)
      diagonal = above
    }
    distances = next
  }
  return distances.at(-1) ?? 0
}
