import { join, resolve } from "node:path"
import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import type { LineSet, Loader, OrderOptions } from "@vitrine/data"
import { checkBatch, checkOrder, loaderOf, localBatchMaker } from "@vitrine/data/internal"
import { resolveLines } from "@vitrine/data/node"
import {
  type Alphabet,
  initializeSeq2Seq,
  seq2seqParameters,
  type TextBatch,
  type TextEvaluation,
  textObjective,
} from "@vitrine/seq2seq"
import { type TrainEvent, trainingLoop } from "@vitrine/trainer"
import { withLength } from "../../../extension.ts"
import { runFolder, type RunOptions } from "../../../node/run.ts"
import { trainingOrder } from "../../../order.ts"
import { type OpenRun, type PreparedTask, runTask } from "../../../run.ts"
import type { RunSetup, TaskSetup } from "../../../setup.ts"
import { imageSource, lineBatches, readableLines, readingFacts } from "../lines.ts"
import type { ReadingRecipe, ResolvedReadingRecipe } from "../recipe-type.ts"
import { resolveReadingRecipe } from "../recipe.ts"
import { checkReadingRecipe } from "../schema.ts"
import type { ReadingRecord } from "../record-type.ts"
import { readingConfig, readingRecordOf } from "../record.ts"

/** Options of training a model that reads in Node. */
export interface TrainReaderOptions extends RunOptions {
  /** A path: see `resolveLines`. A resumed run needs it only if the data have moved. */
  readonly data?: string | undefined
  /** The recipe. The data provide its missing fields. A resumed run does not need it. */
  readonly recipe?: ReadingRecipe | undefined
}

/** The first event of a run. It describes the training. */
export interface ReadingSetupEvent extends RunSetup {
  readonly characters: readonly string[]
  /** Lines that were skipped, each with the reason. */
  readonly skipped: readonly string[]
  readonly recipe: ResolvedReadingRecipe
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
    (run) => prepareReader(run, options),
  )
}

async function prepareReader(
  { resumed, closeLater, openBackend, writeRecord }: OpenRun,
  options: TrainReaderOptions,
): Promise<PreparedTask<TaskSetup<ReadingSetupEvent>, TextEvaluation>> {
  const { resume = "" } = options
  const stored = resumed && readingRecordOf(resumed.config, join(resume, "config.json"))
  if (stored === null) throw new VitrineError("file", `${resume}: is no run of a model that reads`)
  const data = options.data ?? stored?.record.data
  if (data === undefined) throw new VitrineError("config", "training a model to read needs data: a path")
  if (options.recipe) checkReadingRecipe(options.recipe)
  const { seed = 0, valFraction = 0.1, recipe: { characters } = {} } = stored?.record ?? options
  const lines = await resolveLines(data, { valFraction, seed, ...(characters && { characters }) })
  closeLater(lines.close)
  const batches = Math.floor(lines.train.length / (stored?.record.recipe.batchSize ?? 1))
  const record = stored && withLength(stored.record, options, batches, resumed?.checkpoint?.step ?? 0)
  const { recipe, alphabet } =
    stored && record
      ? { recipe: record.recipe, alphabet: stored.alphabet }
      : await newRecipe(options.recipe, lines.train, seed)
  const { config, batchSize, training, labelSmoothing, evaluateEvery } = recipe
  const train = readableLines(lines.train, alphabet, config)
  const validation = lines.val && readableLines(lines.val, alphabet, config)
  const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? evaluateEvery
  const backend = await openBackend()
  await writeRecord(
    backend,
    record?.engines ?? [],
    (engines) => {
      const origin: Omit<ReadingRecord, "engines"> = record ?? {
        task: "read",
        data: resolve(data),
        seed,
        valFraction,
        checkpointEvery,
        recipe,
      }
      return readingConfig({ ...origin, engines }, alphabet)
    },
    record !== stored?.record,
  )
  const { imageSize, channels } = imageSource(config)
  const shape = [...imageSize, channels] as const
  checkBatch(batchSize, shape)
  const loader = (set: LineSet, order: OrderOptions): Loader<TextBatch> => {
    const examples = { name: set.name, classes: alphabet.characters, length: set.length }
    checkOrder(examples, order)
    const maker = localBatchMaker(lineBatches(set, alphabet, recipe, batchSize), async () => {})
    return loaderOf(examples, order, shape, maker)
  }
  const parameters = seq2seqParameters(config)
  const order = { examples: train.lines.length, batchSize, seed: training.seed }
  return {
    setup: {
      data,
      characters: alphabet.characters,
      examples: train.lines.length,
      validation: validation?.lines.length ?? 0,
      skipped: [...lines.skipped, ...train.skipped, ...(validation?.skipped ?? [])],
      recipe,
      extensions: record?.extensions,
    },
    events: (place) =>
      trainingLoop<TextBatch, TextEvaluation>({
        ...place,
        backend,
        parameters,
        initial: initializeSeq2Seq(parameters, foldKey(keyFromSeed(training.seed), "init")),
        objective: textObjective(config, labelSmoothing),
        options: training,
        batches: async (consumed) => loader(train.lines, trainingOrder(order, consumed)),
        evaluation:
          validation && validation.lines.length > 0
            ? async () => loader(validation.lines, { batchSize, epochs: 1 })
            : undefined,
        evaluateEvery,
        checkpointEvery,
      }),
  }
}

async function newRecipe(
  recipe: ReadingRecipe = { task: "read" },
  lines: LineSet,
  seed: number,
): Promise<{ readonly recipe: ResolvedReadingRecipe; readonly alphabet: Alphabet }> {
  const facts = await readingFacts(lines)
  return { recipe: resolveReadingRecipe(recipe, facts, seed), alphabet: facts.alphabet }
}
