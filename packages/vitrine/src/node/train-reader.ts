import { cpus } from "node:os"
import { join, resolve } from "node:path"
import { createRun, resumeRun } from "@vitrine/checkpoint/node"
import { fold, keyFromSeed, VitrineError } from "@vitrine/core"
import {
  type LineSet,
  type Loader,
  loaderOf,
  localMaker,
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
import { type TrainEvent, train } from "@vitrine/trainer"
import { imageSource, lineBatches, readable, readingFacts } from "../reading/lines.ts"
import { type ReadingRecipe, resolveReadingRecipe, type ResolvedReadingRecipe } from "../reading/recipe.ts"
import { readingConfig, type ReadingRecord, readingRecordOf } from "../reading/record.ts"
import { createBackend } from "./backends.ts"
import type { TrainOptions } from "./train.ts"

export interface TrainReaderOptions
  extends Pick<
    TrainOptions,
    "out" | "resume" | "backend" | "seed" | "threads" | "valFraction" | "keepLast" | "checkpointEvery" | "signal"
  > {
  /** A path, as `resolveLines` takes it. Not needed to resume, unless the data have moved. */
  readonly data?: string | undefined
  /** What it leaves open is filled in from the data. Not needed to resume. */
  readonly recipe?: ReadingRecipe | undefined
}

/** What is about to be trained; the first event. */
export interface ReadingSetupEvent {
  readonly type: "setup"
  /** The run folder, if there is one. */
  readonly run: string | null
  /** The step from which a run is resumed; null for one that starts anew. */
  readonly resumed: number | null
  /** What is wrong with checkpoints that were passed over. */
  readonly damaged: readonly string[]
  readonly data: string
  readonly characters: readonly string[]
  /** Lines to train on, and to validate on. */
  readonly examples: number
  readonly validation: number
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
export async function* trainReader(
  options: TrainReaderOptions,
): AsyncGenerator<ReadingSetupEvent | TrainEvent<TextEvaluation>, void, void> {
  const { keepLast } = options
  const folder = keepLast === undefined ? {} : { keepLast }
  const resumed = options.resume === undefined ? undefined : await resumeRun(options.resume, folder)
  const closing: (() => Promise<void>)[] = []
  let run = resumed?.run
  let begun = false
  try {
    const found = resumed && readingRecordOf(resumed.config, join(options.resume as string, "config.json"))
    if (found === null) throw new VitrineError("file", `${options.resume}: is no run of a model that reads`)
    const record = found?.record
    const data = options.data ?? record?.data
    if (data === undefined) throw new VitrineError("config", "training a model to read needs data: a path")
    const { seed = 0, valFraction = 0.1 } = record ?? options
    const characters = (record ?? options).recipe?.characters
    const lines = await resolveLines(data, { valFraction, seed, ...(characters && { characters }) })
    closing.push(lines.close)
    const facts = record && found ? undefined : await readingFacts(lines.train)
    const recipe =
      record?.recipe ??
      resolveReadingRecipe(options.recipe ?? { task: "read" }, facts as NonNullable<typeof facts>, seed)
    const alphabet = found?.alphabet ?? (facts as NonNullable<typeof facts>).alphabet
    const { config, batchSize, training, labelSmoothing } = recipe
    const trained = readable(lines.train, alphabet, config)
    const held = lines.val && readable(lines.val, alphabet, config)
    const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? recipe.evaluateEvery
    const threads = options.threads === undefined ? {} : { threads: options.threads }
    const own = typeof options.backend !== "object"
    const backend =
      typeof options.backend === "object" ? options.backend : await createBackend(options.backend, threads)
    if (own) closing.push(backend.close)
    const engine = `${backend.device}, ${cpus()[0]?.model ?? process.arch}`
    if (run !== undefined && record && record.engines.at(-1) !== engine)
      await run.writeConfig(readingConfig({ ...record, engines: [...record.engines, engine] }, alphabet))
    if (options.out !== undefined && run === undefined) {
      const kept: ReadingRecord = {
        task: "read",
        data: resolve(data),
        seed,
        valFraction,
        checkpointEvery,
        recipe,
        engines: [engine],
      }
      run = await createRun(options.out, readingConfig(kept, alphabet), folder)
    }
    yield {
      type: "setup",
      run: run?.path ?? null,
      resumed: resumed ? (resumed.checkpoint?.step ?? 0) : null,
      damaged: resumed?.damaged.map(({ message }) => message) ?? [],
      data,
      characters: alphabet.characters,
      examples: trained.lines.length,
      validation: held?.lines.length ?? 0,
      skipped: [...lines.skipped, ...trained.skipped, ...(held?.skipped ?? [])],
      recipe,
    }
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
        localMaker(make, async () => {}),
      )
    }
    const perEpoch = Math.floor(trained.lines.length / batchSize)
    const parameters = seq2seqParameters(config)
    const events = train<TextBatch, TextEvaluation>({
      backend,
      parameters,
      initial: initializeSeq2Seq(parameters, fold(keyFromSeed(training.seed), "init")),
      objective: textObjective(config, labelSmoothing),
      options: training,
      batches: async (consumed) =>
        loader(trained.lines, {
          batchSize,
          seed: training.seed,
          shuffle: true,
          dropLast: true,
          start: { epoch: Math.floor(consumed / perEpoch), batch: consumed % perEpoch },
        }),
      evaluation:
        held === null || held.lines.length === 0 ? undefined : async () => loader(held.lines, { batchSize, epochs: 1 }),
      evaluateEvery: recipe.evaluateEvery,
      store: run,
      checkpointEvery,
      resume: resumed?.checkpoint ?? undefined,
      signal: options.signal,
    })
    for await (const event of events) {
      begun ||= event.type === "step"
      yield event
    }
  } catch (error) {
    if (!begun && resumed === undefined) await run?.discard()
    throw error
  } finally {
    for (const close of closing.reverse()) await close()
    await run?.close()
  }
}
