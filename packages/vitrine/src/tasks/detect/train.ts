import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import type { Loader, Size } from "@vitrine/data"
import {
  type DetectionBatch,
  type DetectionDataset,
  detectionEvaluation,
  type DetectionEvaluation,
  type DetectionLoaderOptions,
  detectionObjective,
  type DetectionTransform,
  detrParameters,
  type Faults,
  initializeDetr,
  sizeAfter,
} from "@vitrine/detection"
import { trainingLoop } from "@vitrine/trainer"
import { type NewLength, withLength } from "../../extension.ts"
import { measuredOrder, trainingOrder } from "../../order.ts"
import { labelNames } from "../../origin.ts"
import type { OpenRun, PreparedTask } from "../../run.ts"
import type { RunSetup, TaskSetup } from "../../setup.ts"
import type { WholeDetector } from "./detector.ts"
import type { DetectionFacts, DetectionRecipe, ResolvedDetectionRecipe } from "./recipe-type.ts"
import { resolveDetectionRecipe } from "./recipe.ts"
import type { DetectionRecord } from "./record-type.ts"
import { detectionConfig, detectionRecordOf } from "./record.ts"
import { checkDetectionRecipe } from "./schema.ts"

/** The first event of a run. It describes the training. */
export interface DetectionSetupEvent extends RunSetup {
  readonly classes: readonly string[]
  /** The faults in the annotation files. */
  readonly faults: Faults
  readonly recipe: ResolvedDetectionRecipe
  /** The detector from which the run starts, or null for a run that starts at random or is resumed. */
  readonly from: string | null
}

/** The options of training a detector that Node and pages share. */
export interface DetectorTrainingOptions extends NewLength {
  readonly recipe?: DetectionRecipe | undefined
  readonly seed?: number | undefined
  readonly valFraction?: number | undefined
  readonly checkpointEvery?: number | undefined
}

/** An open data set with boxes, and how it is loaded. */
export interface DetectionPart {
  readonly dataset: DetectionDataset
  /** The sizes of its images, [height, width], or undefined if they are not known. */
  readonly sizes: readonly Size[] | undefined
  load(options: DetectionLoaderOptions): Promise<Loader<DetectionBatch>>
}

/** The data of a run. */
export interface DetectionData {
  /** The name of the data for users. */
  readonly name: string
  /** The name by which a resumed run finds the data again. */
  readonly origin: string
  readonly format?: DetectionRecord["format"] | undefined
  /** Whether the data are the built-in scenes. */
  readonly builtIn: boolean
  readonly faults: Faults
  readonly train: DetectionPart
  readonly validation: DetectionPart | null
}

/** What a platform does for the training of a detector. */
export interface DetectorPlatform {
  /** The place of a resumed run in errors. */
  readonly name: string
  readonly file: string
  /** @param stored the record of a resumed run */
  openData(stored: DetectionRecord | undefined, closeLater: OpenRun["closeLater"]): Promise<DetectionData>
  /** The detector from which a new run starts. */
  openStart(): Promise<{ readonly name: string; readonly model: WholeDetector } | undefined>
}

/** Prepares the training of a detector, in Node or in a page. */
export async function prepareDetector(
  { resumed, closeLater, openBackend, writeRecord }: OpenRun,
  options: DetectorTrainingOptions,
  platform: DetectorPlatform,
): Promise<PreparedTask<TaskSetup<DetectionSetupEvent>, DetectionEvaluation>> {
  const stored = resumed && detectionRecordOf(resumed.config, platform.file)
  if (stored === null) throw new VitrineError("file", `${platform.name}: is no run of a detector`)
  if (options.recipe) checkDetectionRecipe(options.recipe)
  const { seed = 0, valFraction = 0.1 } = stored ?? options
  const {
    train,
    validation,
    faults,
    name: data,
    origin: dataOrigin,
    builtIn,
    format,
  } = await platform.openData(stored, closeLater)
  const { dataset } = train
  const { classes } = dataset
  const batches = Math.floor(dataset.length / (stored?.recipe.batchSize ?? 1))
  const record = stored && withLength(stored, options, batches, resumed?.checkpoint?.step ?? 0)
  if (resumed && labelNames(resumed.config).join("\n") !== classes.join("\n"))
    throw new VitrineError("file", `${data}: its classes are not those that the run was trained on`)
  const start = record === undefined ? await platform.openStart() : undefined
  const recipe =
    record?.recipe ??
    resolveDetectionRecipe(startedRecipe(options.recipe, start?.model), await factsOf(dataset, builtIn), seed)
  const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? recipe.evaluateEvery
  const backend = await openBackend()
  await writeRecord(
    backend,
    record?.engines ?? [],
    (engines) => {
      const origin: Omit<DetectionRecord, "engines"> = record ?? {
        task: "detect",
        data: dataOrigin,
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
  const { config, imageSize, augment, mean, std, training, losses, evaluateEvery } = recipe
  const loading = { imageSize, mean, std }
  const order = { data: dataset, recipe }
  const parts = [train, ...(validation ? [validation] : [])]
  const padded = parts.some(({ sizes }) => sizes === undefined || !fills(sizes, augment, imageSize))
  return {
    setup: {
      data,
      classes,
      examples: dataset.length,
      validation: validation?.dataset.length ?? 0,
      faults,
      recipe,
      extensions: record?.extensions,
      from: start?.name ?? null,
    },
    plan: async () => (await import("./plan.ts")).detectorRun(recipe, padded),
    events: (place) =>
      trainingLoop({
        ...place,
        backend,
        parameters: detrParameters(config),
        initial: initialValues(recipe, start?.model.values),
        objective: detectionObjective(config, {
          imageSize,
          padded,
          losses,
          truth: (example) => (validation?.dataset ?? dataset).objects(example),
        }),
        options: training,
        batches: (consumed, block) =>
          train.load({ ...loading, ...trainingOrder(order, consumed, block), transforms: augment }),
        evaluation: validation
          ? (ranks) =>
              validation.load({
                ...loading,
                ...measuredOrder(recipe, ranks),
                transforms: detectionEvaluation(imageSize),
              })
          : undefined,
        evaluateEvery,
        checkpointEvery,
      }),
  }
}

/** Adds the model and input of a starting detector to a recipe that lacks them. The data decide the classes. */
function startedRecipe(recipe: DetectionRecipe | undefined, start: WholeDetector | undefined): DetectionRecipe {
  const { classes: _, ...model } = { ...start?.config, ...recipe?.model }
  if (start === undefined) return { ...recipe, model }
  const { within: imageSize, mean, std } = start.preprocessing
  return { imageSize, mean, std, ...recipe, model }
}

async function factsOf(dataset: DetectionDataset, builtIn: boolean): Promise<DetectionFacts> {
  const { height, width } = await dataset.read(0)
  const facts = { examples: dataset.length, classes: dataset.classes.length, imageSize: [height, width] } as const
  if (builtIn) return { ...facts, objects: mostSceneObjects, builtIn }
  let objects = 0
  for (let i = 0; i < dataset.length; i++) objects = Math.max(objects, dataset.objects(i).labels.length)
  return { ...facts, objects, builtIn }
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
function fills(sizes: readonly Size[], augment: readonly DetectionTransform[], imageSize: Size): boolean {
  return [augment, detectionEvaluation(imageSize)].every((transforms) =>
    sizes.every((size) => sizeAfter(transforms, size)?.join() === imageSize.join()),
  )
}
