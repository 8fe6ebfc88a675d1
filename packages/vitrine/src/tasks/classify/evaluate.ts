import {
  imageModel,
  type ModelConfig,
  type Preprocessing,
  type ProblemType,
  type Scoring,
  scoringOf,
} from "@vitrine/checkpoint"
import { type Backend, type CompileOptions, programs, VitrineError } from "@vitrine/core"
import {
  type Batch,
  type BrokenExample,
  type Dataset,
  type Loader,
  type LoaderOptions,
  type Split,
  subset,
} from "@vitrine/data"
import { renumberLabelSets } from "@vitrine/data/internal"
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
import { checkFinite } from "../../finite.ts"
import { type ClassMatch, matchClasses } from "./classes.ts"
import { evaluationTransforms } from "./preprocessing.ts"
import type { RunRecord } from "./record-type.ts"

/** Facts of an evaluation, besides its measures. */
export interface EvaluationFacts {
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

/** A model, and the data on which it is measured. */
export interface Subject {
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

/** A model and data that are open. */
export interface SubjectParts {
  /** The model's name in errors. */
  readonly name: string
  readonly config: ModelConfig
  readonly preprocessing: Preprocessing
  readonly record: RunRecord | null
  readonly scoring: Scoring
  /** The names of the model's classes, or null. */
  readonly labels: readonly string[] | null
  readonly dataset: Dataset
  readonly classes: readonly string[] | undefined
  readonly byPosition: boolean | undefined
  readonly batchSize: number
  readonly facts: Pick<EvaluationFacts, "data" | "split" | "passedOver">
  readonly backend: Backend
  constants(): Promise<NonNullable<CompileOptions["constants"]>>
  openLoader(options: LoaderOptions & { readonly dataset: Dataset }): Promise<Loader>
  closeLater(close: () => Promise<void>): void
}

/**
 * The way in which the outputs of a model are scored.
 * @throws VitrineError (config) for a model without classes
 */
export function scoringFor(
  problemType: ProblemType | null | undefined,
  { classes }: ModelConfig,
  name: string,
): Exclude<Scoring, "none"> {
  if (classes === 0) throw new VitrineError("config", `${name}: the model has no classes to evaluate`)
  const scoring = scoringOf(problemType, classes)
  if (scoring === "none")
    throw new VitrineError("config", `${name}: problem_type is "regression": its outputs are no classes to evaluate`)
  return scoring
}

/** A model and data whose classes match. */
export function subjectOf(parts: SubjectParts): Subject {
  const { config, preprocessing, record, scoring, batchSize, backend, facts } = parts
  const selected = subset(parts.dataset, { classes: parts.classes })
  const { modelClasses, match, labels } = matchClasses(selected, parts.labels, config.classes, parts.byPosition)
  const dataset: Dataset = {
    ...selected,
    classes: labels,
    labels: selected.labels.map((label) => modelClasses[label] ?? -1),
    ...(selected.labelSets && { labelSets: renumberLabelSets(selected.labelSets, modelClasses) }),
  }
  const broken: string[] = []
  const onBroken = ({ message }: BrokenExample): void => void broken.push(message)
  return {
    config,
    record,
    scoring,
    dataset,
    facts: { ...facts, labels, match, broken },
    async run(measure, onOutputs = () => {}) {
      const evaluator = programs(backend, evaluationGraph(measure), { constants: await parts.constants() })
      parts.closeLater(evaluator.dispose)
      const transforms = evaluationTransforms(preprocessing, config)
      const loader = await parts.openLoader({ dataset, transforms, batchSize, epochs: 1, onBroken })
      return evaluateBatches(evaluator, loader, measure, undefined, ({ logits }, { weights, index }) => {
        const values = Float32Array.from(logits?.data ?? [])
        checkFinite(values)
        onOutputs(values, weights, index * batchSize)
      })
    },
  }
}

/** @throws VitrineError (config) for images that may have several labels */
export function checkOneLabel({ dataset, facts }: Subject): void {
  if (dataset.labelSets !== undefined)
    throw new VitrineError("config", `${facts.data}: its images may have several labels: use evaluateLabels`)
}

/** @param real the reassessed labels of each image, if there are any */
export async function measureOneLabel(
  { config, record, scoring, dataset, facts, run }: Subject,
  real: readonly (readonly number[])[] | null,
): Promise<ModelEvaluation> {
  const loss = record?.recipe.training.loss ?? (scoring === "sigmoid" ? "binary" : "cross-entropy")
  // Broken images have no prediction.
  const predictions = new Int32Array(dataset.length).fill(-1)
  const figures = await run(measureClasses(imageModel(config), loss), (values, weights, first) => {
    for (const [row, weight] of weights.entries())
      if (weight > 0) predictions[first + row] = largest(values.slice(row * config.classes, (row + 1) * config.classes))
  })
  const labels = real?.map((labels, image) => (predictions[image] === -1 ? [] : labels))
  return { ...facts, ...figures, real: labels ? realAccuracy(predictions, labels) : null }
}

export async function measureSeveralLabels({ config, record, facts, run }: Subject): Promise<ModelLabelEvaluation> {
  const figures = await run(measureLabels(imageModel(config), record?.recipe.threshold ?? 0.5))
  return { ...facts, ...figures }
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
