import { showValue, VitrineError } from "@vitrine/core"
import { resolveLines } from "@vitrine/data/node"
import type { SearchOptions } from "@vitrine/seq2seq"
import { checkRunData, locatePlace } from "../../../node/data.ts"
import { measureReader, type ReaderFigures } from "../evaluate.ts"
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
export interface ReaderEvaluation extends ReaderFigures {
  readonly split: "train" | "val"
}

const splits: readonly string[] = ["train", "val"]

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
    if (data === undefined) checkRunData(path, trainingData)
    const { place } = await locatePlace(name)
    const resolved = await resolveLines(place, { seed, valFraction, characters: recipe.characters })
    closers.push(resolved.close)
    const part = resolved[split]
    if (part === null) throw new VitrineError("config", `${name}: has no validation lines; evaluate on split "train"`)
    const figures = await measureReader(reader, part, { data: name, batchSize, beams, lengthPenalty })
    return { ...figures, split, skipped: [...resolved.skipped, ...figures.skipped] }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}
