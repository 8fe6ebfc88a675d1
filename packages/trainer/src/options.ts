import { checkFields, type Field, VitrineError } from "@vitrine/core"
import { groupFields, type GroupOptions } from "./groups.ts"
import { type Loss, lossNames } from "./objectives/losses.ts"
import { type OptimizerOptions, optimizer } from "./optimizer.ts"
import { type Schedule, scheduleFields } from "./schedule.ts"

/** How a model is trained. It is plain data and is stored with a run. */
export interface TrainingOptions extends GroupOptions {
  /** Updates in the whole run. */
  readonly steps: number
  /**
   * The number of micro-batches into which the batch of a step is cut. Their gradients are summed by a tree that depends
   * on this number alone (sum-order.ts), so the update is that of the whole batch, but for dropout and mixing, which
   * are drawn for each micro-batch.
   */
  readonly microBatches: number
  /**
   * The older spelling: the number of batches whose gradients are added up, one after the other, for one update. It is 1
   * where `microBatches` is greater.
   */
  readonly accumulate: number
  readonly optimizer: OptimizerOptions
  /** The base learning rate. */
  readonly learningRate: number
  readonly schedule: Schedule
  readonly loss: Loss
  /** The largest norm of all gradients together. Larger gradients are scaled down to it. Null means no clipping. */
  readonly clip: number | null
  /**
   * Decay of an exponential moving average of the parameters, or null. If there is an average, it is evaluated and
   * published.
   */
  readonly ema: number | null
  /**
   * Whether the decay warms up: at step t, from 0, it is min(ema, (1 + t) / (10 + t)). So the average of a short run
   * forgets the starting values.
   */
  readonly emaWarmup: boolean
  /**
   * Weights of the classes in the loss, or null. They act as in PyTorch's `CrossEntropyLoss(weight)`, or with the loss
   * `binary` as in `BCEWithLogitsLoss(pos_weight)`.
   */
  readonly classWeights: readonly number[] | null
  /**
   * The divisor of the loss where classes have weights: the weights of the labels, or the number of examples. PyTorch uses
   * the first for labels, and the second for probabilities, such as the targets of mixup.
   */
  readonly classWeightTotal: ClassWeightTotal
  /**
   * Whether the loss is scaled while gradients are computed, as float16 needs (PyTorch's GradScaler). Steps that
   * overflow are skipped.
   */
  readonly lossScaling: boolean
  /**
   * Whether the backward pass computes blocks again. A step takes a third longer. It saves memory on backends that run
   * ops in the graph's order, such as WebGPU.
   */
  readonly gradCheckpointing: boolean
  /** Seed of dropout and stochastic depth. */
  readonly seed: number
}

export type ClassWeightTotal = (typeof classWeightTotals)[number]

const classWeightTotals = ["labels", "examples"] as const

/** The fields of TrainingOptions. The optimizer and the schedule have their own tables. */
export const trainingFields: Readonly<Record<Exclude<keyof TrainingOptions, "optimizer" | "schedule">, Field>> = {
  steps: { kind: "number", integer: true, from: 1 },
  microBatches: { kind: "number", integer: true, from: 1, to: 65_536 },
  accumulate: { kind: "number", integer: true, from: 1 },
  learningRate: { kind: "number", from: 0 },
  loss: { kind: "choice", of: lossNames },
  clip: { kind: "nullable", of: { kind: "number", above: 0 } },
  ema: { kind: "nullable", of: { kind: "number", from: 0, below: 1 } },
  emaWarmup: { kind: "boolean" },
  classWeights: { kind: "nullable", of: { kind: "list", of: { kind: "number", from: 0 } } },
  classWeightTotal: { kind: "choice", of: classWeightTotals },
  lossScaling: { kind: "boolean" },
  gradCheckpointing: { kind: "boolean" },
  seed: { kind: "number", integer: true, from: 0 },
  ...groupFields,
}

/**
 * Checks options and adds defaults: AdamW at 1e-3 with 10 % warm-up, cosine decay, weight decay 0.05 and clipping at 1.
 * @throws VitrineError (config) for the first option that has no possible value.
 */
export function trainingOptions(fields: Partial<TrainingOptions> & Pick<TrainingOptions, "steps">): TrainingOptions {
  const options: TrainingOptions = {
    microBatches: 1,
    accumulate: 1,
    optimizer: { name: "adamw" },
    learningRate: 1e-3,
    schedule: { decay: "cosine", warmup: 0.1, final: 0 },
    loss: "cross-entropy",
    clip: 1,
    ema: null,
    emaWarmup: false,
    classWeights: null,
    classWeightTotal: "labels",
    lossScaling: false,
    gradCheckpointing: false,
    seed: 0,
    weightDecay: 0.05,
    decay: "matrices",
    layerDecay: 1,
    freeze: [],
    rates: {},
    ...fields,
  }
  checkFields(trainingFields, options)
  const { microBatches, accumulate } = options
  if (microBatches > 1 && accumulate > 1)
    throw new VitrineError(
      "config",
      `give microBatches or accumulate, not both: a batch in ${microBatches} micro-batches, or ${accumulate} batches an update`,
    )
  checkFields(scheduleFields, options.schedule, "schedule.")
  optimizer(options.optimizer)
  return options
}
