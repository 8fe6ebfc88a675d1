import { VitrineError } from "@vitrine/core"
import type { Image, LineSet } from "@vitrine/data"
import { readAhead } from "@vitrine/data/internal"
import { alphabet, graphemes, type SearchOptions } from "@vitrine/seq2seq"
import { readableLines } from "./lines.ts"
import type { Reader } from "./reader.ts"

/** The figures of a model that reads. */
export interface ReaderFigures {
  /** The name of the data. */
  readonly data: string
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

/** How a model that reads is measured. */
export interface ReaderMeasurement extends SearchOptions {
  /** The name of the data in errors and figures. */
  readonly data: string
  /** The greatest number of lines in a batch. */
  readonly batchSize: number
}

const mostMistakes = 20
/** The greatest number of lines that are read. A training set of generated rows has no end. */
const mostLines = 20_000
/** The greatest number of pixels of the images in a batch, before the last of them. */
const batchPixels = 48e6

/**
 * Measures a model that reads by decoding each line.
 * @throws VitrineError (file) for data without a line that the model could read
 */
export async function measureReader<Input>(
  reader: Reader<Image | Input>,
  set: LineSet,
  { data, batchSize, ...search }: ReaderMeasurement,
): Promise<ReaderFigures> {
  const { lines, skipped } = readableLines(set, alphabet(reader.characters), reader.record.recipe.config)
  const total = Math.min(lines.length, mostLines)
  if (total === 0) throw new VitrineError("file", `${data}: has no line that the model could read; ${skipped[0]}`)
  let [exact, edits, characters] = [0, 0, 0]
  const mistakes: ReaderFigures["mistakes"][number][] = []
  const measure = async (batch: readonly Image[], from: number): Promise<void> => {
    for (const [i, [best]] of (await reader.read(batch, search)).entries()) {
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
  return { data, examples: total, exact: exact / total, characters: 1 - edits / characters, skipped, mistakes }
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
