import { VitrineError } from "@vitrine/core"
import type { LineSet } from "@vitrine/data"
import type { TextEvaluation } from "@vitrine/seq2seq"
import type { TrainEvent } from "@vitrine/trainer"
import { runTask } from "../../../run.ts"
import { memoryRun, type PageRunOptions } from "../../../web/run.ts"
import type { ReadingRecipe } from "../recipe-type.ts"
import { prepareReader, type ReadingSetupEvent } from "../train.ts"

/** Options of training a model that reads in a page. */
export interface TrainReaderOptions extends PageRunOptions {
  /** Lines and their texts, such as `characterRows` of `@vitrine/data` makes. */
  readonly data: { readonly train: LineSet; readonly validation?: LineSet | undefined }
  /** The recipe. The data provide its missing fields. A resumed run does not need it. */
  readonly recipe?: ReadingRecipe | undefined
}

/**
 * Trains a model that reads lines of text in a page, and yields events. This thread prepares the data.
 * @throws VitrineError: one line that says what is wrong with the data, the recipe or the loss
 */
export function trainReader(
  options: TrainReaderOptions,
): AsyncGenerator<ReadingSetupEvent | TrainEvent<TextEvaluation>, void, void> {
  const { data, recipe: _, signal, ...runOptions } = options
  return runTask(
    () => memoryRun(runOptions),
    signal,
    async (run) => {
      if (run.resumed && run.resumed.config == null)
        throw new VitrineError("config", "there is no run in the store to resume")
      return prepareReader(run, options, { name: "the store", file: "config.json" }, async () => {
        const { train, validation } = data
        return { name: train.name, origin: train.name, train, val: validation ?? null, skipped: [] }
      })
    },
  )
}
