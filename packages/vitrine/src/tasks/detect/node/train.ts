import { resolve } from "node:path"
import type { Size } from "@vitrine/data"
import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import {
  detectionObjective,
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
import { type TrainEvent, trainingLoop } from "@vitrine/trainer"
import { type DetectionRecipe, resolveDetectionRecipe, type ResolvedDetectionRecipe } from "../recipe.ts"
import { detectionConfig, type DetectionRecord, detectionRecordOf, labelsOf } from "../record.ts"
import { trainingOrder } from "../../../order.ts"
import type { RunSetup } from "../../../setup.ts"
import { readDetector } from "./load.ts"
import { runTask, type RunOptions } from "../../../node/run.ts"
import type { TrainOptions } from "../../classify/node/train.ts"

export interface TrainDetectorOptions extends RunOptions, Pick<TrainOptions, "workers"> {
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
export interface DetectionSetupEvent extends RunSetup {
  readonly classes: readonly string[]
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
export function trainDetector(
  options: TrainDetectorOptions,
): AsyncGenerator<DetectionSetupEvent | TrainEvent<DetectionEvaluation>, void, void> {
  const { workers = 1 } = options
  return runTask(options, async ({ resumed, closeLater, openBackend, writeRecord }) => {
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
      closeLater(dataset.close)
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
    const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? recipe.evaluateEvery
    const backend = await openBackend()
    await writeRecord(backend, record?.engines ?? [], (engines) => {
      const kept: Omit<DetectionRecord, "engines"> = record ?? {
        task: "detect",
        data: data === "scenes" ? data : resolve(data),
        ...(format === undefined ? {} : { format }),
        seed,
        valFraction,
        checkpointEvery,
        recipe,
      }
      return detectionConfig({ ...kept, engines }, classes)
    })
    const { config, imageSize, batchSize, augment, mean, std, training, losses } = recipe
    const loading = { workers, imageSize, mean, std }
    return {
      setup: {
        data,
        classes,
        examples: dataset.length,
        validation: validation?.length ?? 0,
        faults,
        recipe,
        from: options.from ?? null,
      },
      events: (run) =>
        trainingLoop({
          backend,
          parameters: detrParameters(config),
          initial: startingValues(recipe, start?.values),
          objective: detectionObjective(config, {
            imageSize,
            padded: [source, ...(held === null ? [] : [held])].some((one) => !fills(one, augment, imageSize)),
            losses,
            truth: (example) => (validation as DetectionDataset).objects(example),
          }),
          options: training,
          batches: (consumed) =>
            createDetectionLoader({
              ...loading,
              ...trainingOrder({ examples: dataset.length, batchSize, seed: training.seed }, consumed),
              source,
              transforms: augment,
            }),
          evaluation:
            held === null
              ? undefined
              : () =>
                  createDetectionLoader({
                    ...loading,
                    source: held,
                    batchSize,
                    transforms: detectionEvaluation(imageSize),
                    epochs: 1,
                  }),
          evaluateEvery: recipe.evaluateEvery,
          checkpointEvery,
          ...run,
        }),
    }
  })
}

/** Those of the detector that a run starts from, where it has as many; the others are drawn. */
function startingValues(
  { config, training }: ResolvedDetectionRecipe,
  given: Readonly<Record<string, Float32Array>> = {},
): Record<string, Float32Array> {
  const parameters = detrParameters(config)
  const values = { ...initializeDetr(parameters, config, foldKey(keyFromSeed(training.seed), "init")) }
  for (const { name, shape } of parameters) {
    const value = given[name]
    if (value !== undefined && value.length === shape.reduce((a, b) => a * b, 1)) values[name] = value
  }
  return values
}

/** Whether every image fills the model's input, in training and in evaluation. */
function fills(source: DetectionSource, augment: readonly DetectionTransform[], imageSize: Size): boolean {
  const sizes = source.kind === "scenes" ? [source.imageSize ?? [64, 64]] : source.sizes
  return [augment, detectionEvaluation(imageSize)].every((steps) =>
    sizes.every((size) => sizeAfter(steps, size)?.join() === imageSize.join()),
  )
}
