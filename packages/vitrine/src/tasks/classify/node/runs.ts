import { join } from "node:path"
import { imageModel, isBiT, isTaskConfig, type ModelConfig } from "@vitrine/checkpoint"
import { readJson, readMetrics } from "@vitrine/checkpoint/node"
import { forwardFlops, parameterCount, VitrineError } from "@vitrine/core"
import { learnsClasses } from "../objectives.ts"
import { recordOf } from "../record.ts"

/** What a run knew at one of its evaluations, and what it had spent until then. */
export interface RunEvaluation {
  readonly step: number
  /** Images that it was trained on, each as often as it came. */
  readonly images: number
  /** Operations of training. */
  readonly flops: number
  /** On the validation images. */
  readonly loss: number
  readonly top1: number
}

/** What a run has come to, finished or not. */
export interface RunSummary {
  /** The folder, as it was named. */
  readonly run: string
  /** The family as the ViT paper tells them apart. */
  readonly family: "ViT" | "hybrid" | "BiT"
  readonly config: ModelConfig
  readonly parameters: number
  /** Operations of a forward pass over one image: 2 for each multiply-accumulate. */
  readonly forwardFlops: number
  /** `shapes`, or an absolute path. */
  readonly data: string
  readonly seed: number
  readonly learningRate: number
  /** The model that it started from, of whose own training nothing is counted here; null for none. */
  readonly from: string | null
  /** Steps taken, and how many there are to take. */
  readonly step: number
  readonly steps: number
  readonly imagesPerStep: number
  /** Operations of all steps taken: forward and backward, 3 times the forward pass. */
  readonly trainingFlops: number
  /** What those steps take at the run's median pace; null before the first. */
  readonly seconds: number | null
  readonly evaluations: readonly RunEvaluation[]
  /** The evaluation with the highest accuracy, and the last one; null before the first. */
  readonly best: RunEvaluation | null
  readonly last: RunEvaluation | null
}

/**
 * Reads what a run of `train` has come to: its accuracy on validation images against what was computed for it, as figure 5
 * and table 2 of the ViT paper compare models. Nothing of the weights is read, and a run may be under way.
 * @throws VitrineError (file, config) for a folder that is no run, or a run that learns no classes.
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
  const { recipe, data, seed, from = null } = record
  const { config, training, batchSize, task } = recipe
  if (!learnsClasses(task))
    throw new VitrineError("config", `${path}: the run learns ${task}, so it has no accuracy that could be compared`)
  if (!(Number.isSafeInteger(batchSize) && batchSize >= 1))
    throw new VitrineError("config", `${file}: batchSize must be a positive integer, got ${JSON.stringify(batchSize)}`)
  const model = imageModel(config)
  const forward = forwardFlops(model)
  const imagesPerStep = batchSize * training.accumulate
  const spent = (step: number): { images: number; flops: number } => {
    const images = step * imagesPerStep
    return { images, flops: 3 * forward * images }
  }
  const metrics = await readMetrics(join(path, "metrics.jsonl"))
  const evaluations = metrics.flatMap(({ type, step, loss, top1 }): RunEvaluation[] =>
    type === "evaluation" && isNumber(loss) && isNumber(top1) ? [{ step, ...spent(step), loss, top1 }] : [],
  )
  const paces = metrics.flatMap(({ type, imagesPerSecond }) =>
    type === "step" && isNumber(imagesPerSecond) && imagesPerSecond > 0 ? [imagesPerSecond] : [],
  )
  const step = metrics.reduce((most, event) => Math.max(most, event.step), 0)
  const { images, flops } = spent(step)
  return {
    run: path,
    family: isBiT(config) ? "BiT" : config.stem === null ? "ViT" : "hybrid",
    config,
    parameters: parameterCount(model.parameters),
    forwardFlops: forward,
    data,
    seed,
    learningRate: training.learningRate,
    from,
    step,
    steps: training.steps,
    imagesPerStep,
    trainingFlops: flops,
    seconds: paces.length === 0 ? null : images / median(paces),
    evaluations,
    best: evaluations.reduce<RunEvaluation | null>((a, b) => (a === null || b.top1 > a.top1 ? b : a), null),
    last: evaluations.at(-1) ?? null,
  }
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)

const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] as number
