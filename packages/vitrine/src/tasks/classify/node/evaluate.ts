import { hintsOf, imageModel, type Overrides, applyOverrides, splitOverrides } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { type Backend, programs, VitrineError } from "@vitrine/core"
import type { Dataset } from "@vitrine/data"
import { createLoader, openDataset, resolveData, subset } from "@vitrine/data/node"
import {
  type Evaluation,
  evaluateBatches,
  evaluationGraph,
  measureClasses,
  type RealAccuracy,
  realAccuracy,
} from "@vitrine/trainer"
import { evaluationTransforms } from "../preprocessing.ts"
import { type BackendOptions, createBackend } from "../../../node/backends.ts"
import { type ClassMatch, matchClasses } from "../classes.ts"
import { checkFinite } from "../../../finite.ts"
import { locate } from "../../../node/hub.ts"
import { constantsOf } from "./load.ts"
import { readRealLabels } from "./real.ts"
import { recordOf } from "../record.ts"

export interface EvaluateOptions extends BackendOptions, Overrides {
  /** A path or `shapes`; by default what the model was trained on. */
  readonly data?: string | undefined
  /** `val` by default. */
  readonly split?: "train" | "val" | undefined
  /** Names of the classes to measure on; by default all, and on a run's own data those that it was trained on. */
  readonly classes?: readonly string[] | undefined
  /** Take the data's classes for the model's in their order, whatever they are called. */
  readonly byPosition?: boolean | undefined
  /**
   * A file with ImageNet's reassessed labels, `real.json`: a list of the classes of each image, in the order of the names of
   * their files.
   */
  readonly realLabels?: string | undefined
  /** 64 by default; no influence on the result. */
  readonly batchSize?: number | undefined
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend | undefined
}

export interface ModelEvaluation extends Evaluation {
  readonly data: string
  readonly split: "train" | "val"
  /** Names of the classes, in the order of the confusion matrix. */
  readonly labels: readonly string[]
  /** How the classes of the data were found among the model's. */
  readonly match: ClassMatch
  /** Accuracy by the reassessed labels; null without them. */
  readonly real: RealAccuracy | null
}

/**
 * Measures a model on labelled images. Classes of the data are matched with the model's by name, and by position where
 * the names of one side do not say what the classes are, or where it is asked for.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluate(path: string, options: EvaluateOptions = {}): Promise<ModelEvaluation> {
  const { split = "val", batchSize = 64, backend: wanted = "auto", data: given, ...rest } = options
  const [overrides, engine] = splitOverrides(rest)
  const folder = await readModelFolder((await locate(path)).path, hintsOf(overrides))
  const closing: (() => Promise<void>)[] = [folder.weights.close]
  try {
    const { config, preprocessing } = applyOverrides(folder, overrides, path)
    if (config.classes === 0) throw new VitrineError("config", `${path}: the model has no classes to evaluate`)
    const record = recordOf(folder.json)
    const data = given ?? record?.data
    if (data === undefined)
      throw new VitrineError("config", `${path}: does not say what it was trained on: name the data (data, --data)`)
    const { seed = 0, valFraction = 0.1 } = record ?? {}
    const source = (await resolveData(data, { seed, valFraction }))[split]
    if (source === null) throw new VitrineError("config", `${data}: has no validation set; evaluate on split "train"`)
    const whole = await openDataset(source)
    if (whole.close) closing.push(whole.close)
    const opened = subset(whole, { classes: options.classes ?? (given === undefined ? record?.classes : undefined) })
    const { places, match, labels } = matchClasses(opened, folder.labels, config.classes, options.byPosition)
    const dataset: Dataset = {
      ...opened,
      classes: labels,
      labels: opened.labels.map((label) => places[label] as number),
    }
    const backend = typeof wanted === "string" ? await createBackend(wanted, engine) : wanted
    if (typeof wanted === "string") closing.push(backend.close)
    const constants = await constantsOf(folder, backend, config)
    const measure = measureClasses(imageModel(config), record?.recipe.training.loss ?? "cross-entropy")
    const compiled = programs(backend, evaluationGraph(measure), { constants })
    closing.push(compiled.dispose)
    const transforms = evaluationTransforms(preprocessing, config)
    const real =
      options.realLabels === undefined ? null : await readRealLabels(options.realLabels, dataset, config.classes)
    const loader = await createLoader({ dataset, transforms, batchSize, epochs: 1, workers: 0 })
    const predicted: number[] = []
    const found = await evaluateBatches(compiled, loader, measure, undefined, ({ logits }, { weights }) => {
      checkFinite(logits?.data ?? [])
      weights.forEach((weight, row) => {
        if (weight > 0) predicted.push(largest(logits?.data ?? [], row * config.classes, config.classes))
      })
    })
    return { data, split, labels, match, ...found, real: real && realAccuracy(Int32Array.from(predicted), real) }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

/** Of numbers from a place on, the place of the largest; of equal ones the first. */
function largest(numbers: ArrayLike<number>, from: number, count: number): number {
  let best = 0
  for (let i = 1; i < count; i++) if ((numbers[from + i] as number) > (numbers[from + best] as number)) best = i
  return best
}
