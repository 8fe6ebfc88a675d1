import type { LineSet } from "@vitrine/data"
import type { SearchOptions } from "@vitrine/seq2seq"
import type { BackendChoice } from "../../../web/backend.ts"
import type { ModelSource } from "../../../web/files.ts"
import { measureReader, type ReaderFigures } from "../evaluate.ts"
import { loadReader } from "./load.ts"

/** Options of measuring a model that reads in a page. */
export interface EvaluateReaderOptions extends BackendChoice, SearchOptions {
  /** Lines and their texts. */
  readonly data: LineSet
  /** The number of lines in a batch; 64 by default, fewer if they are large. It does not change the result. */
  readonly batchSize?: number | undefined
}

/**
 * Measures a model that reads in a page by decoding each line.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluateReader(source: ModelSource, options: EvaluateReaderOptions): Promise<ReaderFigures> {
  const { data, batchSize = 64, beams, lengthPenalty, ...choice } = options
  const reader = await loadReader(source, choice)
  try {
    return await measureReader(reader, data, { data: data.name, batchSize, beams, lengthPenalty })
  } finally {
    await reader.close()
  }
}
