import { join, resolve } from "node:path"
import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import {
  type LineSet,
  type Loader,
  loaderOf,
  localBatchMaker,
  type OrderOptions,
  checkBatch,
  checkOrder,
} from "@vitrine/data"
import { resolveLines } from "@vitrine/data/node"
import {
  initializeSeq2Seq,
  seq2seqParameters,
  type TextBatch,
  type TextEvaluation,
  textObjective,
} from "@vitrine/seq2seq"
import { type TrainEvent, trainingLoop } from "@vitrine/trainer"
import { imageSource, lineBatches, readable, readingFacts } from "../lines.ts"
import { type ReadingRecipe, resolveReadingRecipe, type ResolvedReadingRecipe } from "../recipe.ts"
import { readingConfig, type ReadingRecord, readingRecordOf } from "../record.ts"
import { trainingOrder } from "../../../order.ts"
import type { RunSetup } from "../../../setup.ts"
import { runTask, type RunOptions } from "../../../node/run.ts"

export interface TrainReaderOptions extends RunOptions {
  /** A path, as `resolveLines` takes it. Not needed to resume, unless the data have moved. */
  readonly data?: string | undefined
  /** What it leaves open is filled in from the data. Not needed to resume. */
  readonly recipe?: ReadingRecipe | undefined
}

/** What is about to be trained; the first event. */
export interface ReadingSetupEvent extends RunSetup {
  readonly characters: readonly string[]
  /** Lines that were passed over, each with its reason. */
  readonly skipped: readonly string[]
  readonly recipe: ResolvedReadingRecipe
}

/**
 * Trains a model that reads lines of text, and yields what happens; evaluations say how many validation lines are exact.
 *
 *     for await (const event of trainReader({ data: "mnist", out: "runs/rows" }))
 *       if (event.type === "evaluation") console.log(event.step, event.exact)
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe, the folder or the loss.
 */
export function trainReader(
  options: TrainReaderOptions,
): AsyncGenerator<ReadingSetupEvent | TrainEvent<TextEvaluation>, void, void> {
  return runTask(options, async ({ resumed, closeLater, openBackend, writeRecord }) => {
    const found = resumed && readingRecordOf(resumed.config, join(options.resume as string, "config.json"))
    if (found === null) throw new VitrineError("file", `${options.resume}: is no run of a model that reads`)
    const record = found?.record
    const data = options.data ?? record?.data
    if (data === undefined) throw new VitrineError("config", "training a model to read needs data: a path")
    const { seed = 0, valFraction = 0.1 } = record ?? options
    const characters = (record ?? options).recipe?.characters
    const lines = await resolveLines(data, { valFraction, seed, ...(characters && { characters }) })
    closeLater(lines.close)
    const facts = record && found ? undefined : await readingFacts(lines.train)
    const recipe =
      record?.recipe ??
      resolveReadingRecipe(options.recipe ?? { task: "read" }, facts as NonNullable<typeof facts>, seed)
    const alphabet = found?.alphabet ?? (facts as NonNullable<typeof facts>).alphabet
    const { config, batchSize, training, labelSmoothing } = recipe
    const trained = readable(lines.train, alphabet, config)
    const held = lines.val && readable(lines.val, alphabet, config)
    const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? recipe.evaluateEvery
    const backend = await openBackend()
    await writeRecord(backend, record?.engines ?? [], (engines) => {
      const kept: Omit<ReadingRecord, "engines"> = record ?? {
        task: "read",
        data: resolve(data),
        seed,
        valFraction,
        checkpointEvery,
        recipe,
      }
      return readingConfig({ ...kept, engines }, alphabet)
    })
    const { imageSize, channels } = imageSource(config)
    const shape = [...imageSize, channels] as const
    checkBatch(batchSize, shape)
    const loader = (set: LineSet, order: OrderOptions): Loader<TextBatch> => {
      const examples = { name: set.name, classes: alphabet.characters, length: set.length }
      checkOrder(examples, order)
      const make = lineBatches(set, alphabet, recipe, batchSize)
      return loaderOf(
        examples,
        order,
        shape,
        localBatchMaker(make, async () => {}),
      )
    }
    const parameters = seq2seqParameters(config)
    const order = { examples: trained.lines.length, batchSize, seed: training.seed }
    return {
      setup: {
        data,
        characters: alphabet.characters,
        examples: trained.lines.length,
        validation: held?.lines.length ?? 0,
        skipped: [...lines.skipped, ...trained.skipped, ...(held?.skipped ?? [])],
        recipe,
      },
      events: (run) =>
        trainingLoop<TextBatch, TextEvaluation>({
          backend,
          parameters,
          initial: initializeSeq2Seq(parameters, foldKey(keyFromSeed(training.seed), "init")),
          objective: textObjective(config, labelSmoothing),
          options: training,
          batches: async (consumed) => loader(trained.lines, trainingOrder(order, consumed)),
          evaluation:
            held === null || held.lines.length === 0
              ? undefined
              : async () => loader(held.lines, { batchSize, epochs: 1 }),
          evaluateEvery: recipe.evaluateEvery,
          checkpointEvery,
          ...run,
        }),
    }
  })
}
