import { checkFields, type Field } from "@vitrine/core"
import { groupFields, type GroupOptions } from "./groups.ts"
import { type Loss, lossNames } from "./objectives/losses.ts"
import { type OptimizerOptions, optimizer } from "./optimizer.ts"
import { type Schedule, scheduleFields } from "./schedule.ts"

/** How a model is trained: plain data, written down with a run. */
export interface TrainingOptions extends GroupOptions {
  /** Updates in the whole run. */
  readonly steps: number
  /** Micro-batches whose gradients make one update. */
  readonly accumulate: number
  readonly optimizer: OptimizerOptions
  /** The base learning rate. */
  readonly learningRate: number
  readonly schedule: Schedule
  readonly loss: Loss
  /** Largest norm of all gradients together; null for no clipping. */
  readonly clip: number | null
  /** Decay of an exponential moving average of the parameters. The average is then evaluated and published. */
  readonly ema: number | null
  /** Whether that decay warms up, min(ema, (1 + t) / (10 + t)) at step t from 0, so that short runs forget where they started. */
  readonly emaWarmup: boolean
  /**
   * Weights of the classes in the loss, as PyTorch's `CrossEntropyLoss(weight)`, and with the loss `binary` as
   * `BCEWithLogitsLoss(pos_weight)`; null for none.
   */
  readonly classWeights: readonly number[] | null
  /** Whether gradients are taken of a scaled loss, as float16 needs (PyTorch's GradScaler); overflowing steps are skipped. */
  readonly lossScaling: boolean
  /** Whether blocks are computed again for their gradients: a third more time, and less memory on backends that keep to the order of the graph, as WebGPU. */
  readonly gradCheckpointing: boolean
  /** Seed of dropout and stochastic depth. */
  readonly seed: number
}

/** The fields of TrainingOptions. The optimizer and the schedule have other tables. */
export const trainingFields: Readonly<Record<Exclude<keyof TrainingOptions, "optimizer" | "schedule">, Field>> = {
  steps: { kind: "number", integer: true, from: 1 },
  accumulate: { kind: "number", integer: true, from: 1 },
  learningRate: { kind: "number", from: 0 },
  loss: { kind: "choice", of: lossNames },
  clip: { kind: "nullable", of: { kind: "number", above: 0 } },
  ema: { kind: "nullable", of: { kind: "number", from: 0, below: 1 } },
  emaWarmup: { kind: "boolean" },
  classWeights: { kind: "nullable", of: { kind: "list", of: { kind: "number", from: 0 } } },
  lossScaling: { kind: "boolean" },
  gradCheckpointing: { kind: "boolean" },
  seed: { kind: "number", integer: true, from: 0 },
  ...groupFields,
}

/**
 * Checked options. The defaults are AdamW at 1e-3 with 10 % warm-up, cosine decay, weight decay 0.05 and clipping at 1.
 * @throws VitrineError (config) for the first option that makes no sense.
 */
export function trainingOptions(fields: Partial<TrainingOptions> & Pick<TrainingOptions, "steps">): TrainingOptions {
  const options: TrainingOptions = {
    accumulate: 1,
    optimizer: { name: "adamw" },
    learningRate: 1e-3,
    schedule: { decay: "cosine", warmup: 0.1, final: 0 },
    loss: "cross-entropy",
    clip: 1,
    ema: null,
    emaWarmup: false,
    classWeights: null,
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
  checkFields(scheduleFields, options.schedule, "schedule.")
  optimizer(options.optimizer)
  return options
}
