import { applyOverrides, hintsOf, type Overrides, splitOverrides } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import { type Dataset, type Split, splits } from "@vitrine/data"
import { createLoader, openDataset } from "@vitrine/data/node"
import { type BackendChoice, openBackend } from "../../../node/backends.ts"
import { locateData } from "../../../node/data.ts"
import { locate } from "../../../node/hub.ts"
import {
  checkOneLabel,
  measureOneLabel,
  measureSeveralLabels,
  type ModelEvaluation,
  type ModelLabelEvaluation,
  scoringFor,
  type Subject,
  subjectOf,
} from "../evaluate.ts"
import { learnsSeveralLabels } from "../objectives.ts"
import { recordOf } from "../record.ts"
import { type ColumnChoice, dataChoiceOf, isRunData, movedData } from "./data-choice.ts"
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

/**
 * Measures a classifier on images with one label each. Classes of the data match the model's by name. They match by
 * position if the names of one side are meaningless (the model has none, or they are numbers), or if `byPosition` is
 * true.
 * @throws VitrineError (file, config, backend); of kind config also for images that may have several labels, which
 *   `evaluateLabels` measures
 */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<ModelEvaluation> {
  return withSubject(path, options, async (subject) => {
    checkOneLabel(subject)
    return measureOneLabel(subject, await realLabelsOf(subject, options))
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
    return several ? measureSeveralLabels(subject) : measureOneLabel(subject, await realLabelsOf(subject, options))
  })
}

/** The reassessed labels of the images, if there are any. */
async function realLabelsOf({ dataset, config }: Subject, { realLabels }: EvaluateOptions) {
  return realLabels === undefined ? null : readRealLabels(realLabels, dataset, config.classes)
}

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
    const scoring = scoringFor(problemType, config, path)
    const record = recordOf(folder.json)
    const name = data ?? record?.data
    if (name === undefined)
      throw new VitrineError("config", `${path}: does not say what it was trained on: name the data (data, --data)`)
    const columns = { fileColumn, labelColumns }
    const other = await movedData(path, record, data, columns)
    const choice = dataChoiceOf(record, other, columns)
    const whole = split === "all" || (split === undefined && !isRunData(record, other))
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
    if (complete.labelSets !== undefined && realLabels !== undefined)
      throw new VitrineError("config", `${name}: its images may have several labels already, without realLabels`)
    const { backend, close } = await openBackend(engine)
    closers.push(close)
    return await work(
      subjectOf({
        name: path,
        config,
        preprocessing,
        record,
        scoring,
        labels: folder.labels,
        dataset: complete,
        classes: classes ?? (other === undefined ? record?.classes : undefined),
        byPosition,
        batchSize,
        facts: { data: located.shown, split: part, passedOver },
        backend,
        constants: () => constantsOf(folder, backend, config),
        openLoader: (loading) => createLoader({ ...loading, workers: 0 }),
        closeLater: (close) => void closers.push(close),
      }),
    )
  } finally {
    for (const close of closers.reverse()) await close()
  }
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
