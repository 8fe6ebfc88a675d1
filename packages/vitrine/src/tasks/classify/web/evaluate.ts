import { type Overrides, splitOverrides } from "@vitrine/checkpoint"
import { createLoader, type Dataset } from "@vitrine/data"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import { locateModel, type ModelSource } from "../../../web/files.ts"
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
import { readModel } from "./load.ts"

/** Options of measuring a classifier in a page. */
export interface EvaluateOptions extends BackendChoice, Overrides {
  /** The images and their classes. They stay open. */
  readonly data: Dataset
  /** The names of the classes to evaluate; all by default. */
  readonly classes?: readonly string[] | undefined
  /** Whether to match the data's classes with the model's by their order, whatever their names. */
  readonly byPosition?: boolean | undefined
  /** The number of images in a batch; 64 by default. It does not change the result. */
  readonly batchSize?: number | undefined
}

/**
 * Measures a classifier in a page on images with one label each. Classes match as in Node. This thread prepares the
 * data.
 * @throws VitrineError (file, config, backend); of kind config also for images that may have several labels
 */
export async function evaluate(source: ModelSource, options: EvaluateOptions): Promise<ModelEvaluation> {
  return withSubject(source, options, async (subject) => {
    checkOneLabel(subject)
    return measureOneLabel(subject, null)
  })
}

/**
 * Measures a classifier in a page on images that may have several labels.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluateLabels(source: ModelSource, options: EvaluateOptions): Promise<ModelLabelEvaluation> {
  return withSubject(source, options, measureSeveralLabels)
}

async function withSubject<T>(
  source: ModelSource,
  options: EvaluateOptions,
  work: (subject: Subject) => Promise<T>,
): Promise<T> {
  const { data, classes, byPosition, batchSize = 64, ...overriding } = options
  const [overrides, engine] = splitOverrides(overriding)
  const location = await locateModel(source)
  const { config, preprocessing, problemType, labels, weights } = await readModel(location, overrides)
  const scoring = scoringFor(problemType, config, location.name)
  const { backend, close } = await openBackend(engine)
  const closers = [close]
  try {
    return await work(
      subjectOf({
        name: location.name,
        config,
        preprocessing,
        record: null,
        scoring,
        labels,
        dataset: data,
        classes,
        byPosition,
        batchSize,
        facts: { data: data.name, split: "all", passedOver: [] },
        backend,
        constants: async () => weights,
        openLoader: createLoader,
        closeLater: (close) => void closers.push(close),
      }),
    )
  } finally {
    for (const close of closers.reverse()) await close()
  }
}
