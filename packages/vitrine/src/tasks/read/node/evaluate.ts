import { VitrineError } from "@vitrine/core"
import { resolveLines } from "@vitrine/data/node"
import { graphemes, type SearchOptions } from "@vitrine/seq2seq"
import { alphabet } from "@vitrine/seq2seq"
import { readable } from "../lines.ts"
import { type LoadReaderOptions, loadReader } from "./load.ts"

export interface EvaluateReaderOptions extends LoadReaderOptions, SearchOptions {
  /** A path; by default what the model was trained on. */
  readonly data?: string | undefined
  /** `val` by default. */
  readonly split?: "train" | "val" | undefined
  /** 64 by default; no influence on the result. */
  readonly batchSize?: number | undefined
}

export interface ReaderEvaluation {
  readonly data: string
  readonly split: "train" | "val"
  /** Lines. */
  readonly examples: number
  /** Share of the lines that are read exactly. */
  readonly exact: number
  /** 1 less the characters to change, add and take away (Levenshtein's distance) over those there are. */
  readonly characters: number
  /** Lines that were passed over, each with its reason. */
  readonly skipped: readonly string[]
  /** Of the lines that are not read exactly, the first ones. */
  readonly mistakes: readonly { readonly line: string; readonly text: string; readonly read: string }[]
}

/** Mistakes that are told, and rows of a training set without end that are read. */
const [mostMistakes, mostLines] = [20, 20_000]

/**
 * Measures a model that reads, by decoding each line.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluateReader(path: string, options: EvaluateReaderOptions = {}): Promise<ReaderEvaluation> {
  const { data: given, split = "val", batchSize = 64, beams, lengthPenalty, ...loading } = options
  const reader = await loadReader(path, loading)
  const closing = [reader.close]
  try {
    const { record, characters } = reader
    const data = given ?? record.data
    const { seed, valFraction, recipe } = record
    const resolved = await resolveLines(data, { seed, valFraction, characters: recipe.characters })
    closing.push(resolved.close)
    const found = resolved[split]
    if (found === null) throw new VitrineError("config", `${data}: has no validation lines; evaluate on split "train"`)
    const { lines, skipped } = readable(found, alphabet(characters), recipe.config)
    const total = Math.min(lines.length, mostLines)
    if (total === 0) throw new VitrineError("file", `${data}: has no line that the model could read; ${skipped[0]}`)
    let [exact, changes, count] = [0, 0, 0]
    const mistakes: ReaderEvaluation["mistakes"][number][] = []
    for (let from = 0; from < total; from += batchSize) {
      const size = Math.min(batchSize, total - from)
      const images = await Promise.all(Array.from({ length: size }, (_, i) => lines.read(from + i)))
      for (const [i, [best]] of (await reader.read(images, { beams, lengthPenalty })).entries()) {
        const text = lines.text(from + i)
        const read = best?.text ?? ""
        count += graphemes(text).length
        changes += distance(graphemes(text), graphemes(read))
        if (read === text) exact++
        else if (mistakes.length < mostMistakes) mistakes.push({ line: lines.describe(from + i), text, read })
      }
    }
    const passed = [...resolved.skipped, ...skipped]
    return {
      data,
      split,
      examples: total,
      exact: exact / total,
      characters: 1 - changes / count,
      skipped: passed,
      mistakes,
    }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

/** The least number of single changes, additions and removals that make one of the other. */
export function distance(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, left] of a.entries()) {
    const next = [i + 1]
    for (const [j, right] of b.entries())
      next.push(
        Math.min((row[j] as number) + (left === right ? 0 : 1), (row[j + 1] as number) + 1, (next[j] as number) + 1),
      )
    row = next
  }
  return row.at(-1) as number
}
