import {
  applyOverrides,
  hintsOf,
  imageModel,
  type ModelConfig,
  type Overrides,
  type Scoring,
  scoringOf,
  splitOverrides,
} from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { programs, VitrineError } from "@vitrine/core"
import { type Batch, type BrokenExample, type Dataset, type Split, splits } from "@vitrine/data"
import { renumberLabelSets } from "@vitrine/data/internal"
import { createLoader, openDataset, subset } from "@vitrine/data/node"
import {
  type Evaluation,
  evaluateBatches,
  evaluationGraph,
  type LabelEvaluation,
  type Measure,
  measureClasses,
  measureLabels,
  type RealAccuracy,
  realAccuracy,
} from "@vitrine/trainer"
import { checkFinite } from "../../../finite.ts"
import { type BackendChoice, openBackend } from "../../../node/backends.ts"
import { locateData } from "../../../node/data.ts"
import { locate } from "../../../node/hub.ts"
import { type ClassMatch, matchClasses } from "../classes.ts"
import { type ColumnChoice, dataChoiceOf, isRunData } from "./data-choice.ts"
import { learnsSeveralLabels } from "../objectives.ts"
import { evaluationTransforms } from "../preprocessing.ts"
import type { RunRecord } from "../record-type.ts"
import { recordOf } from "../record.ts"
import { constantsOf } from "./load.ts"
import { readRealLabels } from "./real.ts"

/** Options of measuring a classifier. */
export interface EvaluateOptions extends BackendChoice, Overrides, ColumnChoice {
  /** A path or `shapes`; the training data by default. */
  readonly data?: string | undefined
  /**
   * `val` by default, or `test` if there are no images for validation. Other data than the run's that have no splits are
   * measured as a whole: `all`.
   */
  readonly split?: Split | "all" | undefined
  /**
   * The names of the classes to evaluate. By default they are all classes, or on the training data those of the run.
   */
  readonly classes?: readonly string[] | undefined
  /** Whether to match the data's classes with the model's by their order, whatever their names. */
  readonly byPosition?: boolean | undefined
  /**
   * A file with ImageNet's reassessed labels, `real.json`: a list with the classes of each image, in the order of the
   * images' file names.
   */
  readonly realLabels?: string | undefined
  /** The number of images in a batch; 64 by default. It does not change the result. */
  readonly batchSize?: number | undefined
}

/** Facts of an evaluation, besides its measures. */
interface EvaluationFacts {
  readonly data: string
  readonly split: Split | "all"
  /** The names of the model's classes, in the order of the logits. */
  readonly labels: readonly string[]
  /** The way in which the classes of the data match the model's. */
  readonly match: ClassMatch
  /** Files of the data that are passed over, a line for each kind with its number and an example. */
  readonly passedOver: readonly string[]
  /** Images that cannot be read, each with its fault. They are not measured. */
  readonly broken: readonly string[]
}

/** The figures of a classifier of one label, and what was measured. */
export interface ModelEvaluation extends Evaluation, EvaluationFacts {
  /** The accuracy by the reassessed labels, or null without such labels. */
  readonly real: RealAccuracy | null
}

/** The measures of a model on images that may have several labels. */
export interface ModelLabelEvaluation extends LabelEvaluation, EvaluationFacts {}

/**
 * Measures a classifier on images with one label each. Classes of the data match the model's by name. They match by
 * position if the names of one side are meaningless (the model has none, or they are numbers), or if `byPosition` is
 * true.
 * @throws VitrineError (file, config, backend); of kind config also for images that may have several labels, which
 *   `evaluateLabels` measures
 */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<ModelEvaluation> {
  return withSubject(path, options, async (subject) => {
    if (subject.dataset.labelSets !== undefined)
      throw new VitrineError("config", `${subject.facts.data}: its images may have several labels: use evaluateLabels`)
    return measureOneLabel(subject, options.realLabels)
  })
}

/**
 * Measures a model on images that may have several labels, by average precision and F1. Classes match as in `evaluate`.
 * @throws VitrineError (file, config, backend); of kind config also for images with one label each
 */
export async function evaluateLabels(path: string, options: EvaluateOptions = {}): Promise<ModelLabelEvaluation> {
  return withSubject(path, options, async (subject) => {
    if (subject.dataset.labelSets === undefined)
      throw new VitrineError("config", `${subject.facts.data}: its images have one label each: use evaluate`)
    return measureSeveralLabels(subject)
  })
}

/**
 * Measures a model as `evaluate` does, or as `evaluateLabels` if images of the data may have several labels, or if the model's run
 * learned several.
 */
export async function evaluateAny(
  path: string,
  options: EvaluateOptions = {},
): Promise<ModelEvaluation | ModelLabelEvaluation> {
  return withSubject(path, options, async (subject): Promise<ModelEvaluation | ModelLabelEvaluation> => {
    const { dataset, record } = subject
    const several = dataset.labelSets !== undefined || (record !== null && learnsSeveralLabels(record.recipe.task))
    return several ? measureSeveralLabels(subject) : measureOneLabel(subject, options.realLabels)
  })
}

/** A model, and the data on which it is measured. */
interface Subject {
  readonly config: ModelConfig
  readonly record: RunRecord | null
  readonly scoring: Scoring
  readonly dataset: Dataset
  readonly facts: EvaluationFacts
  /** Runs the model on all images, and returns the measures. */
  run<E extends object>(measure: Measure<Batch, E>, onOutputs?: OnOutputs): Promise<E>
}

/** @param first the index of the first row among the examples */
type OnOutputs = (logits: Float32Array, weights: Float32Array, first: number) => void

/** Opens a model and data for `work`, and closes them afterwards. */
async function withSubject<T>(
  path: string,
  options: EvaluateOptions,
  work: (subject: Subject) => Promise<T>,
): Promise<T> {
  const { data, split, classes, byPosition, batchSize = 64, fileColumn, labelColumns, ...rest } = options
  const { realLabels, ...overriding } = rest
  const [overrides, engine] = splitOverrides(overriding)
  const folder = await readModelFolder((await locate(path)).path, hintsOf(overrides))
  const closers: (() => Promise<void>)[] = [folder.weights.close]
  try {
    const { config, preprocessing, problemType } = applyOverrides(folder, overrides, path)
    if (config.classes === 0) throw new VitrineError("config", `${path}: the model has no classes to evaluate`)
    const scoring = scoringOf(problemType, config.classes)
    if (scoring === "none")
      throw new VitrineError("config", `${path}: problem_type is "regression": its outputs are no classes to evaluate`)
    const record = recordOf(folder.json)
    const name = data ?? record?.data
    if (name === undefined)
      throw new VitrineError("config", `${path}: does not say what it was trained on: name the data (data, --data)`)
    const choice = dataChoiceOf(record, data, { fileColumn, labelColumns })
    const whole = split === "all" || (split === undefined && !isRunData(record, data))
    const choices = whole ? { ...choice, valFraction: 0 } : choice
    const located = await locateData(name, choices)
    const { passedOver, ...resolved } = located.resolved
    const part = split ?? (resolved.val !== null ? "val" : resolved.test !== null ? "test" : whole ? "all" : "val")
    const sources = part === "all" ? splits.flatMap((each) => resolved[each] ?? []) : [resolved[part] ?? []].flat()
    const [source, ...others] = sources
    if (source === undefined) {
      const names = splits.filter((each) => resolved[each] !== null)
      throw new VitrineError(
        "config",
        `${name}: has no ${part === "val" ? "validation" : part} images; evaluate another split: ${names.join(", ")}`,
      )
    }
    const datasets: [Dataset, ...Dataset[]] = [await openDataset(source)]
    for (const other of others) datasets.push(await openDataset(other))
    for (const each of datasets) if (each.close) closers.push(each.close)
    const complete = concatenate(datasets)
    const selected = subset(complete, { classes: classes ?? (data === undefined ? record?.classes : undefined) })
    if (selected.labelSets !== undefined && realLabels !== undefined)
      throw new VitrineError("config", `${name}: its images may have several labels already, without realLabels`)
    const { modelClasses, match, labels } = matchClasses(selected, folder.labels, config.classes, byPosition)
    const dataset: Dataset = {
      ...selected,
      classes: labels,
      labels: selected.labels.map((label) => modelClasses[label] ?? -1),
      ...(selected.labelSets && { labelSets: renumberLabelSets(selected.labelSets, modelClasses) }),
    }
    const { backend, close } = await openBackend(engine)
    closers.push(close)
    const broken: string[] = []
    const onBroken = ({ message }: BrokenExample): void => void broken.push(message)
    return await work({
      config,
      record,
      scoring,
      dataset,
      facts: { data: located.shown, split: part, labels, match, passedOver, broken },
      async run(measure, onOutputs = () => {}) {
        const constants = await constantsOf(folder, backend, config)
        const evaluator = programs(backend, evaluationGraph(measure), { constants })
        closers.push(evaluator.dispose)
        const transforms = evaluationTransforms(preprocessing, config)
        const loader = await createLoader({ dataset, transforms, batchSize, epochs: 1, workers: 0, onBroken })
        return evaluateBatches(evaluator, loader, measure, undefined, ({ logits }, { weights, index }) => {
          const values = Float32Array.from(logits?.data ?? [])
          checkFinite(values)
          onOutputs(values, weights, index * batchSize)
        })
      },
    })
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

async function measureOneLabel(
  { config, record, scoring, dataset, facts, run }: Subject,
  realLabels: string | undefined,
): Promise<ModelEvaluation> {
  const loss = record?.recipe.training.loss ?? (scoring === "sigmoid" ? "binary" : "cross-entropy")
  const real = realLabels === undefined ? null : await readRealLabels(realLabels, dataset, config.classes)
  // Broken images have no prediction.
  const predictions = new Int32Array(dataset.length).fill(-1)
  const figures = await run(measureClasses(imageModel(config), loss), (values, weights, first) => {
    for (const [row, weight] of weights.entries())
      if (weight > 0) predictions[first + row] = largest(values.slice(row * config.classes, (row + 1) * config.classes))
  })
  const labels = real?.map((labels, image) => (predictions[image] === -1 ? [] : labels))
  return { ...facts, ...figures, real: labels ? realAccuracy(predictions, labels) : null }
}

async function measureSeveralLabels({ config, record, facts, run }: Subject): Promise<ModelLabelEvaluation> {
  const figures = await run(measureLabels(imageModel(config), record?.recipe.threshold ?? 0.5))
  return { ...facts, ...figures }
}

/** The splits of the same data one after another. */
function concatenate(datasets: readonly [Dataset, ...Dataset[]]): Dataset {
  const [first, ...rest] = datasets
  if (rest.length === 0) return first
  if (datasets.some(({ labelSets }) => labelSets !== undefined))
    throw new VitrineError(
      "config",
      `${first.name}: images with several labels are measured a split at a time (--split)`,
    )
  const at = (index: number): readonly [Dataset, number] => {
    let begin = 0
    for (const dataset of datasets) {
      if (index < begin + dataset.length) return [dataset, index - begin]
      begin += dataset.length
    }
    throw new VitrineError("config", `there is no image ${index} among ${begin}`)
  }
  const { name, classes, channels } = first
  return {
    name,
    classes,
    channels,
    length: datasets.reduce((sum, { length }) => sum + length, 0),
    labels: Int32Array.from(datasets.flatMap(({ labels }) => [...labels])),
    describe(index) {
      const [dataset, place] = at(index)
      return dataset.describe(place)
    },
    async read(index) {
      const [dataset, place] = at(index)
      return dataset.read(place)
    },
  }
}

/** The index of the largest number. Of equal numbers the first counts. */
function largest(values: Iterable<number>): number {
  let [index, most, position] = [0, Number.NEGATIVE_INFINITY, 0]
  for (const value of values) {
    if (value > most) [index, most] = [position, value]
    position++
  }
  return index
}
