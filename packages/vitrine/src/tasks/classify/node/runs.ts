import { join } from "node:path"
import { bestCheckpoint, familyOf, imageModel, isTaskConfig, type ModelConfig } from "@vitrine/checkpoint"
import { readJson, readMetrics } from "@vitrine/checkpoint/node"
import { forwardFlops, parameterCount, VitrineError } from "@vitrine/core"
import { learnsClasses, learnsSeveralLabels } from "../objectives.ts"
import { recordOf } from "../record.ts"

/** An evaluation of a run, and the cost of the training before it. */
export interface RunEvaluation {
  readonly step: number
  /** The number of training images before the evaluation, with repetitions. */
  readonly images: number
  /** The operations of training before the evaluation. */
  readonly flops: number
  /** The loss on the validation images. */
  readonly loss: number
  readonly top1: number
}

/** The state of a run, finished or not. */
export interface RunSummary {
  /** The path given to `readRun`. */
  readonly run: string
  /** The kind of model in the ViT paper's words: `ViT`, `hybrid` or `BiT`. */
  readonly family: string
  readonly config: ModelConfig
  readonly parameters: number
  /** Operations of a forward pass over one image: 2 for each multiply-accumulate. */
  readonly forwardFlops: number
  /** `shapes`, or an absolute path. */
  readonly data: string
  readonly seed: number
  /** The number of training images in the data, or null for runs that did not store it. */
  readonly examples: number | null
  readonly learningRate: number
  /** The model from which the run started, or null. Its own training does not count. */
  readonly from: string | null
  /** The number of steps so far. */
  readonly step: number
  /** The number of steps of the whole run. */
  readonly steps: number
  /** The number of images of a step whose batches are whole. */
  readonly imagesPerStep: number
  /** The number of images in the steps so far. The last batch of an epoch may be short. */
  readonly images: number
  /** Operations of the steps so far: forward and backward, 3 times the forward pass. */
  readonly trainingFlops: number
  /** Seconds of the steps so far at the run's median pace, or null before the first step. */
  readonly seconds: number | null
  readonly evaluations: readonly RunEvaluation[]
  /** The evaluation with the highest accuracy and among equal ones the lowest loss, or null before the first one. */
  readonly best: RunEvaluation | null
  readonly last: RunEvaluation | null
}

/**
 * Summarises a run of `train`: its accuracy on validation images and the cost of its training, as figure 5 and table 2
 * of the ViT paper compare models. It does not read the weights, and the run may be in progress.
 * @throws VitrineError (file, config) for a folder that is no run, or a run that learns no classes
 */
export async function readRun(path: string): Promise<RunSummary> {
  const file = join(path, "config.json")
  const json = await readJson(file)
  if (!isTaskConfig(json, "classify"))
    throw new VitrineError(
      "config",
      `${path}: this run has no accuracy of classes; only image classifiers are compared`,
    )
  const record = recordOf(json)
  if (record === null)
    throw new VitrineError(
      "file",
      `${file}: does not say how the model was trained; name a run folder of vitrine train`,
    )
  const { recipe, data, seed, from = null, examples } = record
  const { config, training, batchSize, task, dropLast } = recipe
  if (!learnsClasses(task) || learnsSeveralLabels(task))
    throw new VitrineError("config", `${path}: the run learns ${task}, so it has no accuracy that could be compared`)
  if (!(Number.isSafeInteger(batchSize) && batchSize >= 1))
    throw new VitrineError("config", `${file}: batchSize must be a positive integer, got ${JSON.stringify(batchSize)}`)
  const model = imageModel(config)
  const forward = forwardFlops(model)
  const imagesPerStep = batchSize * training.accumulate
  const perEpoch = dropLast || examples === undefined ? Infinity : Math.ceil(examples / batchSize)
  const costUntil = (step: number): { readonly images: number; readonly flops: number } => {
    const batches = step * training.accumulate
    const rest = batchSize * (perEpoch === Infinity ? batches : batches % perEpoch)
    const images =
      examples === undefined || perEpoch === Infinity ? rest : Math.floor(batches / perEpoch) * examples + rest
    return { images, flops: 3 * forward * images }
  }
  const metrics = await readMetrics(join(path, "metrics.jsonl"))
  const evaluations = metrics.flatMap(({ type, step, loss, top1 }): RunEvaluation[] =>
    type === "evaluation" && isNumber(loss) && isNumber(top1) ? [{ step, ...costUntil(step), loss, top1 }] : [],
  )
  const paces = metrics.flatMap(({ type, imagesPerSecond }) =>
    type === "step" && isNumber(imagesPerSecond) && imagesPerSecond > 0 ? [imagesPerSecond] : [],
  )
  const pace = median(paces)
  const step = metrics.reduce((most, event) => Math.max(most, event.step), 0)
  const { images, flops } = costUntil(step)
  return {
    run: path,
    family: familyOf(config).describe(config).kind,
    config,
    parameters: parameterCount(model.parameters),
    forwardFlops: forward,
    data,
    seed,
    examples: examples ?? null,
    learningRate: training.learningRate,
    from,
    step,
    steps: training.steps,
    imagesPerStep,
    images,
    trainingFlops: flops,
    seconds: pace === null ? null : images / pace,
    evaluations,
    best: bestOf(evaluations),
    last: evaluations.at(-1) ?? null,
  }
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? null
}

function bestOf(evaluations: readonly RunEvaluation[]): RunEvaluation | null {
  const scored = evaluations.map((evaluation) => ({ evaluation, score: evaluation.top1, loss: evaluation.loss }))
  return bestCheckpoint(scored)?.evaluation ?? null
}
