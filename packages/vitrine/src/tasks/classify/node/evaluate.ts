import { applyOverrides, hintsOf, imageModel, type Overrides, scoringOf, splitOverrides } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { programs, VitrineError } from "@vitrine/core"
import type { Dataset, Split } from "@vitrine/data"
import { createLoader, openDataset, resolveData, subset } from "@vitrine/data/node"
import {
  type Evaluation,
  evaluateBatches,
  evaluationGraph,
  measureClasses,
  type RealAccuracy,
  realAccuracy,
} from "@vitrine/trainer"
import { checkFinite } from "../../../finite.ts"
import { type BackendChoice, openBackend } from "../../../node/backends.ts"
import { locate } from "../../../node/hub.ts"
import { type ClassMatch, matchClasses } from "../classes.ts"
import { type ColumnChoice, dataChoiceOf } from "../data-choice.ts"
import { evaluationTransforms } from "../preprocessing.ts"
import { recordOf } from "../record.ts"
import { constantsOf } from "./load.ts"
import { readRealLabels } from "./real.ts"

export interface EvaluateOptions extends BackendChoice, Overrides, ColumnChoice {
  /** A path or `shapes`; the training data by default. */
  readonly data?: string | undefined
  /** By default `val`, or `test` where there are no images to validate. */
  readonly split?: Split | undefined
  /** Names of the classes to measure on; all by default, and on the training data those of the run. */
  readonly classes?: readonly string[] | undefined
  /** Match the data's classes with the model's by their order, whatever their names. */
  readonly byPosition?: boolean | undefined
  /**
   * A file with ImageNet's reassessed labels, `real.json`: a list of the classes of each image, in the order of the images' file
   * names.
   */
  readonly realLabels?: string | undefined
  /** 64 by default; it does not change the result. */
  readonly batchSize?: number | undefined
}

export interface ModelEvaluation extends Evaluation {
  readonly data: string
  readonly split: Split
  /** Names of the classes, in the order of the confusion matrix. */
  readonly labels: readonly string[]
  /** How the classes of the data match the model's. */
  readonly match: ClassMatch
  /** Accuracy by the reassessed labels; null without them. */
  readonly real: RealAccuracy | null
  /** Files of the data that are passed over, a line for each kind with its number and an example. */
  readonly passedOver: readonly string[]
}

/**
 * Measures a classifier on labelled images. Classes of the data match the model's by name. They match by position if the names of
 * one side say nothing (the model has none, or they are numbers), or if `byPosition` is true.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<ModelEvaluation> {
  const { data, split, classes, byPosition, realLabels, batchSize = 64, fileColumn, labelColumns, ...others } = options
  const [overrides, choice] = splitOverrides(others)
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
    const { passedOver, ...resolved } = await resolveData(
      name,
      dataChoiceOf(record, data, { fileColumn, labelColumns }),
    )
    const part = split ?? (resolved.val === null && resolved.test !== null ? "test" : "val")
    const source = resolved[part]
    if (source === null) {
      const others = (["train", "val", "test"] as const).filter((name) => resolved[name] !== null)
      throw new VitrineError(
        "config",
        `${name}: has no ${part === "val" ? "validation" : part} images; evaluate another split: ${others.join(", ")}`,
      )
    }
    const complete = await openDataset(source)
    if (complete.close) closers.push(complete.close)
    const selected = subset(complete, { classes: classes ?? (data === undefined ? record?.classes : undefined) })
    const { modelClasses, match, labels } = matchClasses(selected, folder.labels, config.classes, byPosition)
    const dataset: Dataset = {
      ...selected,
      classes: labels,
      labels: selected.labels.map((label) => modelClasses[label] ?? -1),
    }
    const { backend, close } = await openBackend(choice)
    closers.push(close)
    const constants = await constantsOf(folder, backend, config)
    const measure = measureClasses(
      imageModel(config),
      record?.recipe.training.loss ?? (scoring === "sigmoid" ? "binary" : "cross-entropy"),
    )
    const evaluator = programs(backend, evaluationGraph(measure), { constants })
    closers.push(evaluator.dispose)
    const transforms = evaluationTransforms(preprocessing, config)
    const real = realLabels === undefined ? null : await readRealLabels(realLabels, dataset, config.classes)
    const loader = await createLoader({ dataset, transforms, batchSize, epochs: 1, workers: 0 })
    const predictions: number[] = []
    const figures = await evaluateBatches(evaluator, loader, measure, undefined, ({ logits }, { weights }) => {
      const values = logits?.data ?? []
      checkFinite(values)
      for (const [row, weight] of weights.entries())
        if (weight > 0) predictions.push(largest(values.slice(row * config.classes, (row + 1) * config.classes)))
    })
    const accuracy = real && realAccuracy(Int32Array.from(predictions), real)
    return { data: name, split: part, labels, match, ...figures, real: accuracy, passedOver }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

/** The index of the largest number; of equal ones the first. */
function largest(values: Iterable<number>): number {
  let [index, most, position] = [0, Number.NEGATIVE_INFINITY, 0]
  for (const value of values) {
    if (value > most) [index, most] = [position, value]
    position++
  }
  return index
}
