import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { resolveLines } from "@vitrine/data/node"
import type { TextEvaluation } from "@vitrine/seq2seq"
import type { TrainEvent } from "@vitrine/trainer"
import { checkRunData, locatePlace } from "../../../node/data.ts"
import { runFolder, type RunOptions } from "../../../node/run.ts"
import { runTask } from "../../../run.ts"
import type { ReadingRecipe } from "../recipe-type.ts"
import { type LineSplitting, prepareReader, type ReaderLines, type ReadingSetupEvent } from "../train.ts"

/** Options of training a model that reads in Node. */
export interface TrainReaderOptions extends RunOptions {
  /** A path: see `resolveLines`. A resumed run needs it only if the data have moved. */
  readonly data?: string | undefined
  /** The recipe. The data provide its missing fields. A resumed run does not need it. */
  readonly recipe?: ReadingRecipe | undefined
}

/**
 * Trains a model that reads lines of text, and yields events. Evaluations give the share of validation lines that are
 * read exactly.
 *
 *     for await (const event of trainReader({ data: "mnist", out: "runs/rows" }))
 *     if (event.type === "evaluation") console.log(event.step, event.exact)
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe, the folder or the loss
 */
export function trainReader(
  options: TrainReaderOptions,
): AsyncGenerator<ReadingSetupEvent | TrainEvent<TextEvaluation>, void, void> {
  return runTask(
    () => runFolder(options),
    options.signal,
    (run) => {
      const { resume = "" } = options
      return prepareReader(run, options, { name: resume, file: join(resume, "config.json") }, (splitting) =>
        openLines(resume, options.data, splitting),
      )
    },
  )
}

async function openLines(run: string, path: string | undefined, splitting: LineSplitting): Promise<ReaderLines> {
  const { data = splitting.data, ...options } = { ...splitting, ...(path !== undefined && { data: path }) }
  if (data === undefined) throw new VitrineError("config", "training a model to read needs data: a path")
  if (path === undefined) checkRunData(run, data)
  const { characters, ...rest } = options
  const { place, origin } = await locatePlace(data)
  const lines = await resolveLines(place, { ...rest, ...(characters && { characters }) })
  return { ...lines, name: data, origin }
}
