import { VitrineError } from "@vitrine/core"
import type { GroupOptions } from "./groups.ts"
import { type OptimizerOptions, optimizer } from "./optimizer.ts"
import type { Loss } from "./objectives/classification.ts"
import { checkSchedule, type Schedule } from "./schedule.ts"

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
  /** Decay of an exponential moving average of the parameters, which is then what is evaluated and published. */
  readonly ema: number | null
  /** Weights of the classes in the loss, as PyTorch's `CrossEntropyLoss(weight)`; null for none. */
  readonly classWeights: readonly number[] | null
  /** Whether gradients are taken of a scaled loss, as float16 needs (PyTorch's GradScaler); overflowing steps are skipped. */
  readonly lossScaling: boolean
  /** Whether blocks are computed again for their gradients: a third more time, and less memory on backends that keep to the order of the graph, as WebGPU. */
  readonly gradCheckpointing: boolean
  /** Seed of dropout and stochastic depth. */
  readonly seed: number
}

/** Checked options; what is left out is AdamW at 1e-3 with 10 % warm-up, cosine decay, weight decay 0.05 and clipping at 1. */
export function trainingOptions(fields: Partial<TrainingOptions> & Pick<TrainingOptions, "steps">): TrainingOptions {
  const options: TrainingOptions = {
    accumulate: 1,
    optimizer: { name: "adamw" },
    learningRate: 1e-3,
    schedule: { decay: "cosine", warmup: 0.1, final: 0 },
    loss: "cross-entropy",
    clip: 1,
    ema: null,
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
  const expect = (holds: boolean, field: keyof TrainingOptions, what: string): void => {
    if (!holds) throw new VitrineError("config", `${field} must be ${what}, got ${JSON.stringify(options[field])}`)
  }
  const whole = (n: number, least: number): boolean => Number.isSafeInteger(n) && n >= least
  expect(whole(options.steps, 1), "steps", "a positive integer")
  expect(whole(options.accumulate, 1), "accumulate", "a positive integer")
  expect(whole(options.seed, 0), "seed", "a whole number")
  expect(options.learningRate >= 0 && options.learningRate < Infinity, "learningRate", "0 or more")
  expect(["cross-entropy", "binary"].includes(options.loss), "loss", `"cross-entropy" or "binary"`)
  expect(options.clip === null || options.clip > 0, "clip", "a positive number or null")
  expect(options.ema === null || (options.ema >= 0 && options.ema < 1), "ema", "in [0, 1) or null")
  expect(options.decay === "matrices" || options.decay === "all", "decay", `"matrices" or "all"`)
  expect(options.classWeights?.every((w) => w >= 0 && w < Infinity) ?? true, "classWeights", "0 or more each, or null")
  for (const field of ["lossScaling", "gradCheckpointing"] as const)
    expect(typeof options[field] === "boolean", field, "true or false")
  optimizer(options.optimizer)
  checkSchedule(options.schedule)
  return options
}
