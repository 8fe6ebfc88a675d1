import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import type { LineSet, Loader, OrderOptions } from "@vitrine/data"
import { checkBatch, checkOrder, loaderOf, localBatchMaker } from "@vitrine/data/internal"
import {
  type Alphabet,
  initializeSeq2Seq,
  seq2seqParameters,
  type TextBatch,
  type TextEvaluation,
  textObjective,
} from "@vitrine/seq2seq"
import { trainingLoop } from "@vitrine/trainer"
import { type NewLength, withLength } from "../../extension.ts"
import { measuredOrder, microBatchSize, trainingOrder } from "../../order.ts"
import type { OpenRun, PreparedTask } from "../../run.ts"
import type { RunSetup, TaskSetup } from "../../setup.ts"
import { imageSource, lineBatches, readableLines, readingFacts } from "./lines.ts"
import type { ReadingRecipe, ResolvedReadingRecipe } from "./recipe-type.ts"
import { resolveReadingRecipe } from "./recipe.ts"
import { checkReadingRecipe } from "./schema.ts"
import type { ReadingRecord } from "./record-type.ts"
import { readingConfig, readingRecordOf } from "./record.ts"

/** The first event of a run. It describes the training. */
export interface ReadingSetupEvent extends RunSetup {
  readonly characters: readonly string[]
  /** Lines that were skipped, each with the reason. */
  readonly skipped: readonly string[]
  readonly recipe: ResolvedReadingRecipe
}

/** The options of training a reader that Node and pages share. */
export interface ReaderTrainingOptions extends NewLength {
  readonly recipe?: ReadingRecipe | undefined
  readonly seed?: number | undefined
  readonly valFraction?: number | undefined
  readonly checkpointEvery?: number | undefined
}

/** The lines of a run. */
export interface ReaderLines {
  /** The name of the data for users. */
  readonly name: string
  /** The name by which a resumed run finds the data again. */
  readonly origin: string
  readonly train: LineSet
  readonly val: LineSet | null
  /** Lines that were skipped, each with the reason. */
  readonly skipped: readonly string[]
  close?(): Promise<void>
}

/** How lines are split and made into rows. */
export interface LineSplitting {
  /** The data of a resumed run. */
  readonly data: string | undefined
  readonly seed: number
  readonly valFraction: number
  readonly characters: readonly [least: number, most: number] | undefined
}

/**
 * Prepares the training of a reader, in Node or in a page.
 * @param place the place of a resumed run in errors
 */
export async function prepareReader(
  { resumed, closeLater, openBackend, writeRecord }: OpenRun,
  options: ReaderTrainingOptions,
  place: { readonly name: string; readonly file: string },
  openLines: (splitting: LineSplitting) => Promise<ReaderLines>,
): Promise<PreparedTask<TaskSetup<ReadingSetupEvent>, TextEvaluation>> {
  const stored = resumed && readingRecordOf(resumed.config, place.file)
  if (stored === null) throw new VitrineError("file", `${place.name}: is no run of a model that reads`)
  if (options.recipe) checkReadingRecipe(options.recipe)
  const { seed = 0, valFraction = 0.1, recipe: { characters } = {} } = stored?.record ?? options
  const lines = await openLines({ data: stored?.record.data, seed, valFraction, characters })
  closeLater(lines.close)
  const batches = Math.floor(lines.train.length / (stored?.record.recipe.batchSize ?? 1))
  const record = stored && withLength(stored.record, options, batches, resumed?.checkpoint?.step ?? 0)
  const { recipe, alphabet } =
    stored && record
      ? { recipe: record.recipe, alphabet: stored.alphabet }
      : await newRecipe(options.recipe, lines.train, seed)
  const { config, training, labelSmoothing, evaluateEvery } = recipe
  const batchSize = microBatchSize(recipe)
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
        data: lines.origin,
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
  const order = { data: train.lines, recipe }
  return {
    setup: {
      data: lines.name,
      characters: alphabet.characters,
      examples: train.lines.length,
      validation: validation?.lines.length ?? 0,
      skipped: [...lines.skipped, ...train.skipped, ...(validation?.skipped ?? [])],
      recipe,
      extensions: record?.extensions,
    },
    plan: async () => (await import("./plan.ts")).readerRun(recipe),
    events: (place) =>
      trainingLoop<TextBatch, TextEvaluation>({
        ...place,
        backend,
        parameters,
        initial: initializeSeq2Seq(parameters, foldKey(keyFromSeed(training.seed), "init")),
        objective: textObjective(config, labelSmoothing),
        options: training,
        batches: async (consumed, block) => loader(train.lines, trainingOrder(order, consumed, block)),
        evaluation:
          validation && validation.lines.length > 0
            ? async (ranks) => loader(validation.lines, measuredOrder(recipe, ranks))
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
