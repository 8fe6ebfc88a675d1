import { resolve } from "node:path"
import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import type { Size } from "@vitrine/data"
import {
  detectionEvaluation,
  type DetectionEvaluation,
  detectionObjective,
  type DetectionTransform,
  detrParameters,
  type Faults,
  initializeDetr,
  sizeAfter,
} from "@vitrine/detection"
import {
  type AnnotationFormat,
  createDetectionLoader,
  type DetectionDataset,
  type DetectionSource,
  openDetection,
  resolveDetection,
} from "@vitrine/detection/node"
import { type TrainEvent, trainingLoop } from "@vitrine/trainer"
import { withLength } from "../../../extension.ts"
import { runFolder, type RunOptions } from "../../../node/run.ts"
import { trainingOrder } from "../../../order.ts"
import { labelNames } from "../../../origin.ts"
import { type OpenRun, type PreparedTask, runTask } from "../../../run.ts"
import type { RunSetup, TaskSetup } from "../../../setup.ts"
import type { DetectionFacts, DetectionRecipe, ResolvedDetectionRecipe } from "../recipe-type.ts"
import { resolveDetectionRecipe } from "../recipe.ts"
import type { DetectionRecord } from "../record-type.ts"
import { detectionConfig, detectionRecordOf } from "../record.ts"
import { checkDetectionRecipe } from "../schema.ts"
import { readDetector } from "./load.ts"

/** Options of training a detector in Node. */
export interface TrainDetectorOptions extends RunOptions {
  /** A path or `scenes`: see `resolveDetection`. A resumed run needs it only if the data have moved. */
  readonly data?: string | undefined
  /** The annotations to read if the data have both kinds. */
  readonly format?: AnnotationFormat | undefined
  /** The recipe. The data and the starting detector provide its missing fields. A resumed run does not need it. */
  readonly recipe?: DetectionRecipe | undefined
  /** The detector from which the run starts. It has the same parameters, but may have other classes. */
  readonly from?: string | undefined
  /** The number of threads that prepare data; 1 by default. It does not change the result. */
  readonly workers?: number | undefined
}

/** The first event of a run. It describes the training. */
export interface DetectionSetupEvent extends RunSetup {
  readonly classes: readonly string[]
  /** The faults in the annotation files. */
  readonly faults: Faults
  readonly recipe: ResolvedDetectionRecipe
  /** The detector from which the run starts, or null for a run that starts at random or is resumed. */
  readonly from: string | null
}

/**
 * Trains a detector on annotated images, and yields events. Evaluations are COCO's AP on the validation images.
 *
 *     for await (const event of trainDetector({ data: "scenes", out: "runs/scenes" }))
 *     if (event.type === "evaluation") console.log(event.step, event.ap50)
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe, the folder or the loss
 */
export function trainDetector(
  options: TrainDetectorOptions,
): AsyncGenerator<DetectionSetupEvent | TrainEvent<DetectionEvaluation>, void, void> {
  return runTask(
    () => runFolder(options),
    options.signal,
    (run) => prepareDetector(run, options),
  )
}

async function prepareDetector(
  { resumed, closeLater, openBackend, writeRecord }: OpenRun,
  options: TrainDetectorOptions,
): Promise<PreparedTask<TaskSetup<DetectionSetupEvent>, DetectionEvaluation>> {
  const stored = resumed && detectionRecordOf(resumed.config, `${options.resume}/config.json`)
  if (stored === null) throw new VitrineError("file", `${options.resume}: is no run of a detector`)
  const data = options.data ?? stored?.data
  if (data === undefined) throw new VitrineError("config", "training a detector needs data: a path, or scenes")
  if (options.recipe) checkDetectionRecipe(options.recipe)
  const { seed = 0, valFraction = 0.1, format } = stored ?? options
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
    imageSize: stored?.recipe.imageSize ?? options.recipe?.imageSize,
  })
  if (source === null) throw new VitrineError("file", `${data}: has no training images`)
  const open = async (source: DetectionSource): Promise<DetectionDataset> => {
    const dataset = await openDetection(source)
    closeLater(dataset.close)
    return dataset
  }
  const dataset = await open(source)
  const batches = Math.floor(dataset.length / (stored?.recipe.batchSize ?? 1))
  const record = stored && withLength(stored, options, batches, resumed?.checkpoint?.step ?? 0)
  const validationSource = val ?? test
  const validation = validationSource && { source: validationSource, dataset: await open(validationSource) }
  if (resumed && labelNames(resumed.config).join("\n") !== classes.join("\n"))
    throw new VitrineError("file", `${data}: its classes are not those that the run was trained on`)
  const start = record === undefined && options.from !== undefined ? await readDetector(options.from) : undefined
  const recipe =
    record?.recipe ?? resolveDetectionRecipe(startedRecipe(options.recipe, start), await factsOf(dataset, source), seed)
  const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? recipe.evaluateEvery
  const backend = await openBackend()
  await writeRecord(
    backend,
    record?.engines ?? [],
    (engines) => {
      const origin: Omit<DetectionRecord, "engines"> = record ?? {
        task: "detect",
        data: data === "scenes" ? data : resolve(data),
        ...(format === undefined ? {} : { format }),
        seed,
        valFraction,
        checkpointEvery,
        recipe,
      }
      return detectionConfig({ ...origin, engines }, classes)
    },
    record !== stored,
  )
  const { config, imageSize, batchSize, augment, mean, std, training, losses, evaluateEvery } = recipe
  const loading = { workers: options.workers ?? 1, imageSize, mean, std }
  const order = { examples: dataset.length, batchSize, seed: training.seed }
  const sources = [source, ...(validation ? [validation.source] : [])]
  return {
    setup: {
      data,
      classes,
      examples: dataset.length,
      validation: validation?.dataset.length ?? 0,
      faults,
      recipe,
      extensions: record?.extensions,
      from: options.from ?? null,
    },
    events: (place) =>
      trainingLoop({
        ...place,
        backend,
        parameters: detrParameters(config),
        initial: initialValues(recipe, start?.values),
        objective: detectionObjective(config, {
          imageSize,
          padded: sources.some((source) => !fills(source, augment, imageSize)),
          losses,
          truth: (example) => (validation?.dataset ?? dataset).objects(example),
        }),
        options: training,
        batches: (consumed) =>
          createDetectionLoader({ ...loading, ...trainingOrder(order, consumed), source, transforms: augment }),
        evaluation: validation
          ? () =>
              createDetectionLoader({
                ...loading,
                source: validation.source,
                batchSize,
                transforms: detectionEvaluation(imageSize),
                epochs: 1,
              })
          : undefined,
        evaluateEvery,
        checkpointEvery,
      }),
  }
}

/** Adds the model and input of a starting detector to a recipe that lacks them. The data decide the classes. */
function startedRecipe(
  recipe: DetectionRecipe | undefined,
  start: Awaited<ReturnType<typeof readDetector>> | undefined,
): DetectionRecipe {
  const { classes: _, ...model } = { ...start?.config, ...recipe?.model }
  if (start === undefined) return { ...recipe, model }
  const { within: imageSize, mean, std } = start.preprocessing
  return { imageSize, mean, std, ...recipe, model }
}

async function factsOf(dataset: DetectionDataset, source: DetectionSource): Promise<DetectionFacts> {
  const { height, width } = await dataset.read(0)
  const facts = { examples: dataset.length, classes: dataset.classes.length, imageSize: [height, width] } as const
  if (source.kind === "scenes") return { ...facts, objects: mostSceneObjects, builtIn: true }
  const objects = source.objects.reduce((most, { labels }) => Math.max(most, labels.length), 0)
  return { ...facts, objects, builtIn: false }
}

const mostSceneObjects = 6

/** The weights of a starting detector for parameters with the same shapes. The others are drawn. */
function initialValues(
  { config, training }: ResolvedDetectionRecipe,
  weights: Readonly<Record<string, Float32Array>> = {},
): Record<string, Float32Array> {
  const parameters = detrParameters(config)
  const values = { ...initializeDetr(parameters, config, foldKey(keyFromSeed(training.seed), "init")) }
  for (const { name, shape } of parameters) {
    const weight = weights[name]
    if (weight !== undefined && weight.length === shape.reduce((a, b) => a * b, 1)) values[name] = weight
  }
  return values
}

/** Whether every image fills the model's input, in training and in evaluation. */
function fills(source: DetectionSource, augment: readonly DetectionTransform[], imageSize: Size): boolean {
  const sizes = source.kind === "scenes" ? [source.imageSize ?? [64, 64]] : source.sizes
  return [augment, detectionEvaluation(imageSize)].every((transforms) =>
    sizes.every((size) => sizeAfter(transforms, size)?.join() === imageSize.join()),
  )
}
