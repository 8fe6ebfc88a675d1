import { attentionConfig, familyOf, imageModel, type Preprocessing } from "@vitrine/checkpoint"
import {
  type Backend,
  foldKey,
  type ImageModel,
  type Key,
  keyFromSeed,
  type Parameter,
  VitrineError,
} from "@vitrine/core"
import {
  type Batch,
  type BrokenExample,
  type Dataset,
  type Loader,
  type LoaderOptions,
  meanStd,
  normalize,
  type Transform,
  usualSize,
} from "@vitrine/data"
import {
  type BrokenImageEvent,
  type Communicator,
  classificationObjective,
  distillationObjective,
  type Evaluation,
  type LabelEvaluation,
  maskedPatchObjective,
  type Measure,
  multiLabelObjective,
  type Objective,
  type Teacher,
  type TrainInputs,
  trainingLoop,
} from "@vitrine/trainer"
import { measuredOrder, trainingOrder } from "../../order.ts"
import type { TrainingPlace } from "../../run.ts"
import { channelsOf, evaluationTransforms, fit } from "./preprocessing.ts"
import type { ClassifierEvaluation, TrainEvent } from "./events.ts"
import { classScore, labelScore } from "./best.ts"
import { learnsClasses, type ObjectiveName } from "./objectives.ts"
import type { DataFacts, Recipe, ResolvedRecipe } from "./recipe-type.ts"

/** Images whose sizes are looked at. */
const sizedImages = 100

/** The facts of data from which the missing fields of a recipe follow. */
export async function factsOf(dataset: Dataset): Promise<DataFacts> {
  const imageSize = await usualSize(dataset, sizedImages)
  const { mean, std: deviations } = await meanStd(dataset)
  // A channel that varies by less than half a step of 8 bits counts as constant: its values are only shifted.
  const std = deviations.map((deviation) => (deviation < 1 / 510 ? 1 : deviation))
  const { length: examples, channels, classes } = dataset
  return { examples, channels, classes: classes.length, imageSize, mean, std }
}

/** The preparation of images for a model of this recipe. */
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

/** Opens a loader, in this thread or with worker threads. */
export type OpenLoader = (dataset: Dataset, options: LoaderOptions) => Promise<Loader>

export interface TrainingRun extends TrainingPlace {
  /** Whether the first broken image ends the run. */
  readonly strict: boolean
  readonly dataset: Dataset
  readonly validation: Dataset | undefined
  /** The test set. It is evaluated if there is no validation set, but does not choose a checkpoint. */
  readonly test: Dataset | undefined
  readonly recipe: ResolvedRecipe
  readonly backend: Backend
  readonly openLoader: OpenLoader
  /** Starting values of parameters. The recipe's scheme draws the others. */
  readonly initial: Readonly<Record<string, Float32Array>> | undefined
  /** The teacher, if the recipe distils. */
  readonly teacher: Teacher | undefined
  readonly checkpointEvery: number
}

/** Trains a classifier with a recipe on open data sets. */
export async function* trainOn({
  strict,
  dataset,
  validation,
  test,
  recipe,
  backend,
  openLoader,
  initial,
  teacher,
  ...place
}: TrainingRun): AsyncGenerator<TrainEvent, void, void> {
  const { config, training, evaluateEvery, dropLast, mix, labelSmoothing: smoothing } = recipe
  const order = { data: dataset, recipe, dropLast }
  const earlier = brokenIn(place.resume?.state)
  const measuredBroken = new Set(earlier.messages)
  const broken: string[] = []
  // The limit on broken images is one for the whole run.
  const brokenExamples = [...earlier.examples]
  const reading = {
    strict,
    onBroken: ({ message }: BrokenExample): void => {
      if (measuredBroken.has(message)) return
      measuredBroken.add(message)
      broken.push(message)
    },
  }
  const batches: TrainInputs["batches"] = (consumed, block) =>
    openLoader(dataset, {
      strict,
      knownBroken: brokenExamples.slice(),
      onBroken: (each) => {
        brokenExamples.push(each.example)
        broken.push(each.message)
      },
      ...trainingOrder(order, consumed, block),
      transforms: trainingTransforms(recipe),
      smoothing,
      ...(mix === null ? {} : { mix }),
    })
  const measured = validation ?? test
  const evaluation =
    measured &&
    ((ranks?: Communicator): Promise<Loader> =>
      openLoader(measured, {
        ...reading,
        transforms: evaluationTransforms(preprocessingOf(recipe), config),
        ...measuredOrder(recipe, ranks),
      }))
  const model = imageModel(config)
  const unset = model.parameters.filter(({ name }) => initial?.[name] === undefined)
  const train = loops[recipe.task](model, recipe, teacher)
  const drawn = initialValues(recipe, unset, foldKey(keyFromSeed(training.seed), "init"))
  const events = train({
    ...place,
    backend,
    parameters: model.parameters,
    initial: { ...drawn, ...initial },
    options: training,
    batches,
    evaluation,
    evaluatesTest: validation === undefined,
    evaluateEvery,
    checkpointState() {
      const messages = [...measuredBroken].filter((message) => !broken.includes(message))
      return {
        ...(brokenExamples.length > 0 && { broken: brokenExamples }),
        ...(messages.length > 0 && { brokenMeasured: messages }),
      }
    },
  })
  for await (const event of events) {
    // A resumed run then has them at the steps of a run without interruption.
    const messages = event.type === "start" ? [] : broken.splice(0)
    for (const message of messages) {
      const fault: BrokenImageEvent = { type: "broken", step: event.step, message }
      place.store?.appendMetrics({ ...fault })
      yield fault
    }
    yield event
  }
}

/** The broken images of a checkpoint's state: training examples, and the messages of those that were measured. */
function brokenIn(state: unknown): { readonly examples: readonly number[]; readonly messages: readonly string[] } {
  const { broken, brokenMeasured }: { readonly broken?: unknown; readonly brokenMeasured?: unknown } = Object(state)
  return {
    examples: Array.isArray(broken) ? broken.filter((each) => Number.isSafeInteger(each)) : [],
    messages: Array.isArray(brokenMeasured) ? brokenMeasured.filter((each) => typeof each === "string") : [],
  }
}

/** Starting values of parameters, drawn by the recipe's scheme. */
function initialValues(
  { config, init }: ResolvedRecipe,
  parameters: readonly Parameter[],
  key: Key,
): Record<string, Float32Array> {
  return familyOf(config).initialize(parameters, config, init, key)
}

/** The training loop of an objective. */
type Loop<E extends ClassifierEvaluation> = (
  inputs: Omit<TrainInputs, "objective">,
) => AsyncGenerator<TrainEvent<E>, void, void>

/** @param score the score by which the published checkpoint is chosen */
function loopOf<E extends ClassifierEvaluation>(
  objective: Objective<Batch, E>,
  score: (evaluation: E) => number | null,
): Loop<E> {
  const { measure } = objective
  return (inputs) => trainingLoop<Batch, E>({ ...inputs, objective: { ...objective, measure: { ...measure, score } } })
}

type Part<O> = (model: ImageModel, recipe: ResolvedRecipe, teacher: Teacher | undefined) => O

const objectives = {
  classify: objectiveOfClasses,
  "multi-label": (model, { training, threshold }) => multiLabelObjective(model, training.classWeights, threshold),
  "masked-patch": (_, recipe) => maskedPatchObjective(attentionConfig(recipe.config, "masked-patch"), recipe),
} as const satisfies Readonly<Record<ObjectiveName, Part<Objective | Objective<Batch, LabelEvaluation>>>>

const loops: Readonly<Record<ObjectiveName, Part<Loop<Evaluation> | Loop<LabelEvaluation>>>> = {
  classify: (model, recipe, teacher) => loopOf(objectives.classify(model, recipe, teacher), classScore(recipe.best)),
  "multi-label": (model, recipe) => loopOf(objectives["multi-label"](model, recipe), labelScore(recipe.best)),
  "masked-patch": (model, recipe) => loopOf(objectives["masked-patch"](model, recipe), classScore(recipe.best)),
}

/** What a recipe's model learns. A teacher that is missing teaches nothing, which suffices to build the graph. */
export function objectiveOf(
  model: ImageModel,
  recipe: ResolvedRecipe,
): Pick<Objective<Batch, never>, "rows"> & { readonly measure: Pick<Measure<Batch, never>, "outputs"> } {
  const absent: Teacher = () => {
    throw new VitrineError("config", "a plan has no teacher")
  }
  return objectives[recipe.task](model, recipe, absent)
}

function objectiveOfClasses(
  model: ImageModel,
  { config, distillation, training }: ResolvedRecipe,
  teacher: Teacher | undefined,
): Objective {
  const { loss, classWeights, classWeightTotal } = training
  if (distillation === null) return classificationObjective(model, loss, classWeights, classWeightTotal)
  if (teacher === undefined) throw new VitrineError("config", "the recipe distils, which needs a teacher")
  const student = attentionConfig(config, "distillation")
  return distillationObjective(student, loss, classWeights, distillation, teacher, classWeightTotal)
}

/** The classes of a model that a recipe trains on these data. The list is empty if the recipe learns no classes. */
export function classesOf({ task = "classify" }: Pick<Recipe, "task">, { classes }: Dataset): readonly string[] {
  return learnsClasses(task) ? classes : []
}

function trainingTransforms(recipe: ResolvedRecipe): Transform[] {
  const crops = recipe.augment.some(({ op }) => op === "randomResizedCrop" || op === "randomCrop")
  const fitting = crops ? [] : fit({ ...preprocessingOf(recipe), cropPct: 1 })
  return [
    channelsOf(recipe.config.channels),
    ...fitting,
    ...recipe.augment,
    normalize(recipe.mean, recipe.std),
    ...recipe.augmentNormalized,
  ]
}
