import { imageModel, isBiT, onlyViT, type Preprocessing } from "@vitrine/checkpoint"
import {
  type Backend,
  foldKey,
  type ImageModel,
  initializeViT,
  type Key,
  keyFromSeed,
  type Parameter,
  VitrineError,
} from "@vitrine/core"
import { type Dataset, type Loader, type LoaderOptions, meanStd, normalize, type Transform } from "@vitrine/data"
import { initializeBiT } from "@vitrine/resnet"
import {
  classificationObjective,
  distillationObjective,
  maskedPatchObjective,
  type Objective,
  type RunStore,
  type SavedRun,
  type Teacher,
  type TrainEvent,
  trainingLoop,
} from "@vitrine/trainer"
import { trainingOrder } from "../../order.ts"
import { channelsOf, evaluationTransforms, fit } from "./preprocessing.ts"
import type { DataFacts, Recipe, ResolvedRecipe } from "./recipe.ts"
import type { RunSetup } from "../../setup.ts"

/** What a recipe needs to know of the data. */
export async function factsOf(dataset: Dataset): Promise<DataFacts> {
  const { width, height } = await dataset.read(0)
  const { mean, std } = await meanStd(dataset)
  const { length: examples, channels, classes } = dataset
  return { examples, channels, classes: classes.length, imageSize: [height, width], mean, std }
}

/** How images are prepared for a model that was trained by this recipe. */
export function preprocessingOf({
  config,
  interpolation,
  cropPct,
  cropMode,
  mean,
  std,
}: ResolvedRecipe): Preprocessing {
  return { size: config.imageSize, interpolation, cropPct, cropMode, mean, std }
}

/** What is about to be trained; the first event. */
export interface SetupEvent extends RunSetup {
  readonly classes: readonly string[]
  readonly recipe: ResolvedRecipe
  /**
   * The model that a run starts from, whether its head had other classes and is new, and what was left out of its files or
   * assumed about them; null for one drawn at random.
   */
  readonly from: { readonly model: string; readonly newHead: boolean; readonly notes: readonly string[] } | null
  /** The model that it learns from by distillation. */
  readonly teacher: string | null
}

/** Opens a loader; a platform may do so with worker threads. */
export type OpenLoader = (dataset: Dataset, options: LoaderOptions) => Promise<Loader>

export interface TrainingRun {
  readonly dataset: Dataset
  readonly validation?: Dataset | undefined
  readonly recipe: ResolvedRecipe
  readonly backend: Backend
  readonly openLoader: OpenLoader
  /** Values that parameters start with; the others are drawn as the recipe says. */
  readonly initial?: Readonly<Record<string, Float32Array>> | undefined
  /** Whom the model learns from, where the recipe says so. */
  readonly teacher?: Teacher | undefined
  readonly store?: RunStore | undefined
  readonly checkpointEvery?: number | undefined
  readonly resume?: SavedRun | undefined
  readonly signal?: AbortSignal | undefined
}

/** Trains by a recipe on data sets that are open. */
export function trainOn(run: TrainingRun): AsyncGenerator<TrainEvent, void, void> {
  const { dataset, validation, recipe, openLoader } = run
  const { config, training, evaluateEvery, batchSize, dropLast, mix, labelSmoothing: smoothing } = recipe
  const order = { examples: dataset.length, batchSize, seed: training.seed, dropLast }
  const batches = (consumed: number): Promise<Loader> =>
    openLoader(dataset, {
      ...trainingOrder(order, consumed),
      transforms: trainingTransforms(recipe),
      smoothing,
      ...(mix === null ? {} : { mix }),
    })
  const evaluation =
    validation &&
    ((): Promise<Loader> =>
      openLoader(validation, {
        transforms: evaluationTransforms(preprocessingOf(recipe), config),
        batchSize,
        epochs: 1,
      }))
  const model = imageModel(config)
  const unset = model.parameters.filter(({ name }) => run.initial?.[name] === undefined)
  const drawn = drawnFrom(recipe, unset, foldKey(keyFromSeed(training.seed), "init"))
  return trainingLoop({
    backend: run.backend,
    parameters: model.parameters,
    initial: { ...drawn, ...run.initial },
    objective: objectiveOf(model, recipe, run.teacher),
    options: training,
    batches,
    evaluation,
    evaluateEvery,
    store: run.store,
    checkpointEvery: run.checkpointEvery ?? evaluateEvery,
    resume: run.resume,
    signal: run.signal,
  })
}

/** Values of parameters to start from, by the recipe's scheme. */
function drawnFrom(
  { config, init }: ResolvedRecipe,
  parameters: readonly Parameter[],
  key: Key,
): Record<string, Float32Array> {
  return isBiT(config) ? initializeBiT(parameters, key) : initializeViT(parameters, config, init, key)
}

function objectiveOf(model: ImageModel, recipe: ResolvedRecipe, teacher: Teacher | undefined): Objective {
  const { config, task, distillation, training } = recipe
  if (task === "masked-patch") return maskedPatchObjective(onlyViT(config, "masked-patch"), recipe)
  if (distillation === null) return classificationObjective(model, training.loss, training.classWeights)
  if (teacher === undefined) throw new VitrineError("config", "the recipe distils, which needs a teacher")
  return distillationObjective(
    onlyViT(config, "distillation"),
    training.loss,
    training.classWeights,
    distillation,
    teacher,
  )
}

/** The classes of a model that is trained by a recipe on these data: none where it learns no classes. */
export function classesOf({ task = "classify" }: Pick<Recipe, "task">, { classes }: Dataset): readonly string[] {
  return task === "classify" ? classes : []
}

function trainingTransforms(recipe: ResolvedRecipe): Transform[] {
  const crops = recipe.augment.some(({ op }) => op === "randomResizedCrop" || op === "randomCrop")
  const whole = { ...preprocessingOf(recipe), cropPct: 1 }
  return [
    channelsOf(recipe.config.channels),
    ...(crops ? [] : fit(whole)),
    ...recipe.augment,
    normalize(recipe.mean, recipe.std),
    ...recipe.augmentNormalized,
  ]
}
