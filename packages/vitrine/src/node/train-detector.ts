import { cpus } from "node:os"
import { resolve } from "node:path"
import { createRun, resumeRun } from "@vitrine/checkpoint/node"
import type { Size } from "@vitrine/data"
import { type Backend, fold, keyFromSeed, VitrineError } from "@vitrine/core"
import {
  detecting,
  detectionEvaluation,
  type DetectionEvaluation,
  type DetectionTransform,
  detrParameters,
  type Faults,
  initializeDetr,
  sizeAfter,
} from "@vitrine/detection"
import {
  createDetectionLoader,
  type DetectionDataset,
  type DetectionSource,
  openDetection,
  resolveDetection,
} from "@vitrine/detection/node"
import { type TrainEvent, train } from "@vitrine/trainer"
import { type DetectionRecipe, resolveDetectionRecipe, type ResolvedDetectionRecipe } from "../detection/recipe.ts"
import { detectionConfig, type DetectionRecord, detectionRecordOf, labelsOf } from "../detection/record.ts"
import { createBackend } from "./backends.ts"
import { readDetector } from "./detect.ts"
import type { TrainOptions } from "./train.ts"

export interface TrainDetectorOptions
  extends Pick<
    TrainOptions,
    | "out"
    | "resume"
    | "backend"
    | "seed"
    | "workers"
    | "threads"
    | "valFraction"
    | "keepLast"
    | "checkpointEvery"
    | "signal"
  > {
  /** A path or `scenes`, as `resolveDetection` takes it. Not needed to resume, unless the data have moved. */
  readonly data?: string | undefined
  /** Which annotations to read, where there are both. */
  readonly format?: "coco" | "voc" | undefined
  /** What it leaves open is filled in from the data. Not needed to resume. */
  readonly recipe?: DetectionRecipe | undefined
  /** A detector whose weights the run starts from: of the same parameters, but for the classes. */
  readonly from?: string | undefined
}

/** What is about to be trained; the first event. */
export interface DetectionSetupEvent {
  readonly type: "setup"
  /** The run folder, if there is one. */
  readonly run: string | null
  /** The step from which a run is resumed; null for one that starts anew. */
  readonly resumed: number | null
  /** What is wrong with checkpoints that were passed over. */
  readonly damaged: readonly string[]
  readonly data: string
  readonly classes: readonly string[]
  /** Images to train on, and to validate on. */
  readonly examples: number
  readonly validation: number
  /** What was passed over in the annotation files. */
  readonly faults: Faults
  readonly recipe: ResolvedDetectionRecipe
  readonly from: string | null
}

/**
 * Trains a detector on annotated images and yields what happens; evaluations are COCO's AP on the validation images.
 *
 *     for await (const event of trainDetector({ data: "scenes", out: "runs/scenes" }))
 *       if (event.type === "evaluation") console.log(event.step, event.ap50)
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe, the folder or the loss.
 */
export async function* trainDetector(
  options: TrainDetectorOptions,
): AsyncGenerator<DetectionSetupEvent | TrainEvent<DetectionEvaluation>, void, void> {
  const { keepLast, workers = 1 } = options
  const folder = keepLast === undefined ? {} : { keepLast }
  const resumed = options.resume === undefined ? undefined : await resumeRun(options.resume, folder)
  const closing: (() => Promise<void>)[] = []
  let run = resumed?.run
  let begun = false
  try {
    const record = resumed && detectionRecordOf(resumed.config, `${options.resume}/config.json`)
    if (record === null) throw new VitrineError("file", `${options.resume}: is no run of a detector`)
    const data = options.data ?? record?.data
    if (data === undefined) throw new VitrineError("config", "training a detector needs data: a path, or scenes")
    const { seed = 0, valFraction = 0.1, format } = record ?? options
    const asked = record?.recipe.imageSize ?? options.recipe?.imageSize
    const {
      train: source,
      val,
      test,
      classes,
      faults,
    } = await resolveDetection(data, {
      format,
      valFraction,
      seed,
      imageSize: asked,
    })
    if (source === null) throw new VitrineError("file", `${data}: has no training images`)
    const open = async (one: DetectionSource): Promise<DetectionDataset> => {
      const dataset = await openDetection(one)
      if (dataset.close) closing.push(dataset.close)
      return dataset
    }
    const dataset = await open(source)
    const held = val ?? test
    const validation = held === null ? undefined : await open(held)
    if (resumed && labelsOf(resumed.config).join("\n") !== classes.join("\n"))
      throw new VitrineError("file", `${data}: its classes are not those that the run was trained on`)
    const start = record === undefined && options.from !== undefined ? await readDetector(options.from) : undefined
    const { height, width } = await dataset.read(0)
    const facts = {
      examples: dataset.length,
      classes: classes.length,
      imageSize: [height, width] as const,
      objects:
        source.kind === "scenes" ? 6 : source.objects.reduce((most, { labels }) => Math.max(most, labels.length), 0),
      builtIn: source.kind === "scenes",
    }
    // The data decide how many classes there are.
    const { classes: _, ...model } = { ...start?.config, ...options.recipe?.model }
    const asStart = start && {
      imageSize: start.preprocessing.within,
      mean: start.preprocessing.mean,
      std: start.preprocessing.std,
    }
    const recipe = record?.recipe ?? resolveDetectionRecipe({ ...asStart, ...options.recipe, model }, facts, seed)
    const checkpointEvery = options.checkpointEvery ?? recipe.evaluateEvery
    const own = typeof options.backend !== "object"
    const threads = options.threads === undefined ? {} : { threads: options.threads }
    const backend: Backend =
      typeof options.backend === "object" ? options.backend : await createBackend(options.backend, threads)
    if (own) closing.push(backend.close)
    const engine = `${backend.device}, ${cpus()[0]?.model ?? process.arch}`
    if (run !== undefined && record && record.engines.at(-1) !== engine)
      await run.writeConfig(detectionConfig({ ...record, engines: [...record.engines, engine] }, classes))
    if (options.out !== undefined && run === undefined) {
      const kept: DetectionRecord = {
        task: "detect",
        data: data === "scenes" ? data : resolve(data),
        ...(format === undefined ? {} : { format }),
        seed,
        valFraction,
        recipe,
        engines: [engine],
      }
      run = await createRun(options.out, detectionConfig(kept, classes), folder)
    }
    yield {
      type: "setup",
      run: run?.path ?? null,
      resumed: resumed ? (resumed.checkpoint?.step ?? 0) : null,
      damaged: resumed?.damaged.map(({ message }) => message) ?? [],
      data,
      classes,
      examples: dataset.length,
      validation: validation?.length ?? 0,
      faults,
      recipe,
      from: options.from ?? null,
    }
    const { config, imageSize, batchSize, augment, mean, std, training, losses } = recipe
    const parameters = detrParameters(config)
    const initial = { ...initializeDetr(parameters, config, fold(keyFromSeed(training.seed), "init")) }
    for (const { name, shape } of parameters) {
      const value = start?.values[name]
      if (value !== undefined && value.length === shape.reduce((a, b) => a * b, 1)) initial[name] = value
    }
    const perEpoch = Math.floor(dataset.length / batchSize)
    const events = train({
      backend,
      parameters,
      initial,
      objective: detecting(config, {
        imageSize,
        padded: [source, ...(held === null ? [] : [held])].some((one) => !fills(one, augment, imageSize)),
        losses,
        truth: (example) => (validation as DetectionDataset).objects(example),
      }),
      options: training,
      batches: (consumed) =>
        createDetectionLoader({
          source,
          workers,
          batchSize,
          imageSize,
          transforms: augment,
          mean,
          std,
          seed: training.seed,
          shuffle: true,
          dropLast: true,
          start: { epoch: Math.floor(consumed / perEpoch), batch: consumed % perEpoch },
        }),
      evaluation:
        held === null
          ? undefined
          : () =>
              createDetectionLoader({
                source: held,
                workers,
                batchSize,
                imageSize,
                transforms: detectionEvaluation(imageSize),
                mean,
                std,
                epochs: 1,
              }),
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

/** Whether every image fills the model's input, in training and in evaluation. */
function fills(source: DetectionSource, augment: readonly DetectionTransform[], imageSize: Size): boolean {
  const sizes = source.kind === "scenes" ? [source.imageSize ?? [64, 64]] : source.sizes
  return [augment, detectionEvaluation(imageSize)].every((steps) =>
    sizes.every((size) => sizeAfter(steps, size)?.join() === imageSize.join()),
  )
}
