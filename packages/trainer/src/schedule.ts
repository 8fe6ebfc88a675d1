import { type Field, rowNames, VitrineError } from "@vitrine/core"

/** The place of a step in its run, by which a decay computes the rate. */
interface Moment {
  /** Steps taken before this one. */
  readonly step: number
  /** Steps of the whole run, and of its warm-up. */
  readonly steps: number
  readonly warm: number
  /** The share of the steps after the warm-up that are taken, from 0 to 1. */
  readonly progress: number
  readonly schedule: Schedule
}

/**
 * How the rate falls after the warm-up, as a factor of the base rate. A row is all that a new decay needs: types, checks and
 * the command's `--schedule` follow from this table.
 */
export const decays = {
  /** Half a cosine to `final`: SGDR's without restarts (Loshchilov and Hutter, 2017). */
  cosine: ({ progress, schedule }: Moment): number => towards(schedule, 0.5 * (1 + Math.cos(Math.PI * progress))),
  /** A line to `final`. */
  linear: ({ progress, schedule }: Moment): number => towards(schedule, 1 - progress),
  constant: (): number => 1,
  /** √(warm-up / step), as in "Scaling Vision Transformers" (Zhai et al., 2022). */
  rsqrt: ({ step, warm }: Moment): number => Math.sqrt(Math.max(1, warm) / Math.max(1, warm, step + 1)),
  /** `final` times less from each `drop` on. */
  step: ({ step, steps, schedule }: Moment): number =>
    schedule.final ** dropSteps(schedule, steps).filter((drop) => step >= drop).length,
}

const towards = ({ final }: Schedule, share: number): number => final + (1 - final) * share

export type Decay = keyof typeof decays

export const decayNames: readonly Decay[] = rowNames(decays)

/** How the learning rate changes over a run. */
export interface Schedule {
  readonly decay: Decay
  /** Steps of linear warm-up; below 1 a fraction of all steps. */
  readonly warmup: number
  /** For cosine and linear decay: the last rate as a fraction of the base rate. For step decay: the factor of each drop. */
  readonly final: number
  /** The steps, from 0, at which step decay drops. Those below 1 are fractions of all steps. 2/3 by default, as in DETR. */
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
 * The learning rate of step `step`, counted from 0, in a run of `steps`: `base · (step + 1) / warmup` while warming up, then
 * from `base` on as the schedule's decay says.
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
 * The base rate by which `rsqrt` is the schedule of "Attention is all you need" (Vaswani et al., 2017, equation 3),
 * dim^-0.5 · min(step^-0.5, step · warmup^-1.5) for steps counted from 1. It is the rate at the end of the warm-up.
 */
export function transformerRate(dim: number, warmup: number): number {
  if (!(dim > 0 && warmup > 0))
    throw new VitrineError("config", `transformerRate: width and warm-up must be positive, got ${dim} and ${warmup}`)
  return 1 / Math.sqrt(dim * warmup)
}
