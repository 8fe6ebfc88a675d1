import { type Field, rowNames, VitrineError } from "@vitrine/core"

/** A step within its run. The decays compute the learning rate from it. */
interface Moment {
  /** Number of steps before this one. */
  readonly step: number
  /** Number of steps of the whole run, and of its warm-up. */
  readonly steps: number
  readonly warm: number
  /** The share of the steps after the warm-up that are done, from 0 to 1. */
  readonly progress: number
  readonly schedule: Schedule
}

/**
 * The decays of the learning rate after the warm-up, as factors of the base rate. To add a decay, add a row. Types,
 * checks and the command's `--schedule` follow from this table.
 */
export const decays = {
  /** Half a cosine down to `final`, as in SGDR without restarts (Loshchilov and Hutter, 2017). */
  cosine: ({ progress, schedule }: Moment): number => towards(schedule, 0.5 * (1 + Math.cos(Math.PI * progress))),
  /** A straight line down to `final`. */
  linear: ({ progress, schedule }: Moment): number => towards(schedule, 1 - progress),
  constant: (): number => 1,
  /** √(warm-up / step), as in "Scaling Vision Transformers" (Zhai et al., 2022). */
  rsqrt: ({ step, warm }: Moment): number => Math.sqrt(Math.max(1, warm) / Math.max(1, warm, step + 1)),
  /** Multiplies by `final` at each `drop`. */
  step: ({ step, steps, schedule }: Moment): number =>
    schedule.final ** dropSteps(schedule, steps).filter((drop) => step >= drop).length,
}

const towards = ({ final }: Schedule, share: number): number => final + (1 - final) * share

/** The names of the decays of the learning rate. */
export type Decay = keyof typeof decays

/** All decays of the learning rate. */
export const decayNames: readonly Decay[] = rowNames(decays)

/** How the learning rate changes over a run. */
export interface Schedule {
  readonly decay: Decay
  /** Number of steps of linear warm-up. A number below 1 is a fraction of all steps. */
  readonly warmup: number
  /** For cosine and linear decay: the last rate as a fraction of the base rate. For step decay: the factor of each drop. */
  readonly final: number
  /**
   * The steps, counted from 0, at which step decay drops. Numbers below 1 are fractions of all steps. The default is
   * 2/3, as in DETR.
   */
  readonly drop?: number | readonly number[]
}

/** A number of steps, or below 1 a fraction of all steps. */
const stepsOrFraction = {
  kind: "either",
  of: [
    { kind: "number", integer: true, from: 0 },
    { kind: "number", from: 0, below: 1 },
  ],
} as const

/** The fields of `Schedule` with their bounds. */
export const scheduleFields: Readonly<Record<keyof Schedule, Field>> = {
  decay: { kind: "choice", of: decayNames },
  warmup: stepsOrFraction,
  final: { kind: "number", from: 0, to: 1 },
  drop: { kind: "either", of: [...stepsOrFraction.of, { kind: "list", of: stepsOrFraction }], optional: true },
}

/** Warm-up in steps. */
export function warmupSteps({ warmup }: Schedule, steps: number): number {
  return warmup < 1 ? Math.floor(warmup * steps) : warmup
}

/**
 * The learning rate of step `step`, counted from 0, in a run of `steps`. During warm-up it is `base · (step + 1) /
 * warmup`. Then it starts at `base` and follows the schedule's decay.
 */
export function learningRate(base: number, schedule: Schedule, step: number, steps: number): number {
  const warm = warmupSteps(schedule, steps)
  if (step < warm) return (base * (step + 1)) / warm
  const progress = Math.min(1, (step - warm) / Math.max(1, steps - warm))
  return base * decays[schedule.decay]({ step, steps, warm, progress, schedule })
}

function dropSteps({ drop = 2 / 3 }: Schedule, steps: number): number[] {
  return [drop].flat().map((each) => (each < 1 ? Math.floor(each * steps) : each))
}

/**
 * The base rate with which `rsqrt` becomes the schedule of "Attention is all you need" (Vaswani et al., 2017, equation
 * 3), dim^-0.5 · min(step^-0.5, step · warmup^-1.5) for steps counted from 1. It is the rate at the end of the warm-up.
 */
export function transformerRate(dim: number, warmup: number): number {
  if (!(dim > 0 && warmup > 0))
    throw new VitrineError("config", `transformerRate: width and warm-up must be positive, got ${dim} and ${warmup}`)
  return 1 / Math.sqrt(dim * warmup)
}
