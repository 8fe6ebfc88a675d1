import { type Preprocessing, toTimmConfig } from "@vitrine/checkpoint"
import { createRun, type RunFolder, resumeRun } from "@vitrine/checkpoint/node"
import { type Backend, fold, initialize, keyFromSeed, VitrineError, vitConfig, vitParameters } from "@vitrine/core"
import {
  checkTransforms,
  type Dataset,
  type DatasetSource,
  type Loader,
  meanStd,
  normalize,
  type Transform,
} from "@vitrine/data"
import { createLoader, openDataset, resolveData } from "@vitrine/data/node"
import { type TrainEvent, trainingOptions, train as trainModel } from "@vitrine/trainer"
import { channelsOf, evaluationTransforms, fit } from "../preprocessing.ts"
import { type DataFacts, type Recipe, type ResolvedRecipe, resolveRecipe } from "../recipe.ts"
import { createBackend } from "./backends.ts"

export interface TrainOptions {
  /** A path or `shapes`, as `resolveData` takes it. Not needed to resume. */
  readonly data?: string | undefined
  /** What it leaves open is filled in from the data. Not needed to resume. */
  readonly recipe?: Recipe | undefined
  /** The run folder to make; without one nothing is written. */
  readonly out?: string | undefined
  /** The run folder to go on with, by the data and the recipe that are written there. */
  readonly resume?: string | undefined
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend | undefined
  /** Decides initialisation, order, augmentation and dropout; 0 by default. */
  readonly seed?: number | undefined
  /** Threads that prepare data; 1 by default. They have no influence on the result. */
  readonly workers?: number | undefined
  /** Threads of the engine. */
  readonly threads?: number | undefined
  /** Share of each class that is held out where the data have no validation set; 0.1 by default. */
  readonly valFraction?: number | undefined
  /** Newest checkpoints that are kept beside the best one. */
  readonly keepLast?: number | undefined
  /** Steps between checkpoints; with each evaluation by default. */
  readonly checkpointEvery?: number | undefined
  /** Ends the run after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined
}

/** What a run folder remembers in `config.json`, so that it can go on alone. */
type RunRecord = {
  readonly data: string
  readonly seed: number
  readonly valFraction: number
  readonly recipe: ResolvedRecipe
}

/**
 * Trains a Vision Transformer on images from disk and yields what happens.
 *
 *     for await (const event of train({ data: "shapes", out: "runs/shapes" }))
 *       if (event.type === "step") console.log(event.step, event.loss)
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe, the folder or the loss.
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainEvent, void, void> {
  const resumed = options.resume === undefined ? undefined : await resumeRun(options.resume, keep(options))
  let run: RunFolder | undefined = resumed?.run
  try {
    const record = resumed && recordOf(resumed.config, options.resume as string)
    const data = record?.data ?? options.data
    if (data === undefined) throw new VitrineError("config", "train needs data: a path, or shapes")
    const seed = record?.seed ?? options.seed ?? 0
    const valFraction = record?.valFraction ?? options.valFraction ?? 0.1
    const { train: source, val } = await resolveData(data, { valFraction, seed })
    const dataset = await openDataset(source)
    const validation = val === null ? undefined : await openDataset(val)
    try {
      const recipe = record?.recipe ?? resolveRecipe(options.recipe ?? {}, await facts(dataset), seed)
      const preprocessing = preprocessingOf(recipe)
      if (options.out !== undefined && run === undefined) {
        const vitrine: RunRecord = { data, seed, valFraction, recipe }
        const extra = { preprocessing, labels: dataset.classes, vitrine }
        run = await createRun(options.out, toTimmConfig(recipe.config, extra), keep(options))
      }
      const own = typeof options.backend !== "object"
      const engine = options.threads === undefined ? {} : { threads: options.threads }
      const backend =
        typeof options.backend === "object" ? options.backend : await createBackend(options.backend, engine)
      try {
        const { config, init, training, evaluateEvery } = recipe
        const { checkpointEvery = evaluateEvery } = options
        yield* trainModel({
          backend,
          config,
          options: training,
          initial: initialize(vitParameters(config), config, init, fold(keyFromSeed(seed), "init")),
          batches: (consumed) => trainingLoader(dataset, source, recipe, consumed, options.workers),
          evaluation: validation && (() => evaluationLoader(validation, recipe, preprocessing)),
          evaluateEvery,
          store: run,
          checkpointEvery,
          resume: resumed?.checkpoint ?? undefined,
          signal: options.signal,
        })
      } finally {
        if (own) await backend.close()
      }
    } finally {
      await dataset.close?.()
      await validation?.close?.()
    }
  } finally {
    await run?.close()
  }
}

function keep({ keepLast }: TrainOptions): { keepLast?: number } {
  return keepLast === undefined ? {} : { keepLast }
}

async function facts(dataset: Dataset): Promise<DataFacts> {
  const { width, height } = await dataset.read(0)
  const { mean, std } = await meanStd(dataset)
  const { length: examples, channels, classes } = dataset
  return { examples, channels, classes: classes.length, imageSize: [height, width], mean, std }
}

function preprocessingOf({ config, interpolation, cropPct, mean, std }: ResolvedRecipe): Preprocessing {
  return { size: config.imageSize, interpolation, cropPct, cropMode: "center", mean, std }
}

function trainingTransforms(recipe: ResolvedRecipe): Transform[] {
  const crops = recipe.augment.some(({ op }) => op === "randomResizedCrop")
  const whole = { ...preprocessingOf(recipe), cropPct: 1 }
  return [
    channelsOf(recipe.config.channels),
    ...(crops ? [] : fit(whole)),
    ...recipe.augment,
    normalize(recipe.mean, recipe.std),
    ...recipe.augmentNormalized,
  ]
}

async function trainingLoader(
  dataset: Dataset,
  source: DatasetSource,
  recipe: ResolvedRecipe,
  consumed: number,
  workers = 1,
): Promise<Loader> {
  const { batchSize, dropLast, mix, labelSmoothing: smoothing, training } = recipe
  const batches = dropLast ? Math.floor(dataset.length / batchSize) : Math.ceil(dataset.length / batchSize)
  return createLoader({
    source: dataset.source ?? source,
    transforms: trainingTransforms(recipe),
    batchSize,
    seed: training.seed,
    shuffle: true,
    dropLast,
    smoothing,
    ...(mix === null ? {} : { mix }),
    start: { epoch: Math.floor(consumed / batches), batch: consumed % batches },
    workers,
  })
}

function evaluationLoader(dataset: Dataset, recipe: ResolvedRecipe, preprocessing: Preprocessing): Promise<Loader> {
  return createLoader({
    dataset,
    transforms: evaluationTransforms(preprocessing, recipe.config),
    batchSize: recipe.batchSize,
    epochs: 1,
    workers: 0,
  })
}

function recordOf(config: unknown, path: string): RunRecord {
  const record = (config as { vitrine?: Partial<RunRecord> } | null)?.vitrine
  if (typeof record?.data !== "string" || typeof record.seed !== "number" || typeof record.recipe !== "object")
    throw new VitrineError("file", `${path}: its config.json does not say how it was trained, so it cannot be resumed`)
  const { data, seed, valFraction = 0.1, recipe } = record as RunRecord
  checkTransforms([...recipe.augment])
  const checked = { ...recipe, config: vitConfig(recipe.config), training: trainingOptions(recipe.training) }
  return { data, seed, valFraction, recipe: checked }
}
