import { VitrineError } from "@vitrine/core"

/** How the learning rate changes over a run. */
export interface Schedule {
  /**
   * After warm-up: half a cosine to `final`, a line to `final`, the base rate throughout, √(warm-up / step), or the base rate
   * and `final` times less from each `drop` on.
   */
  readonly decay: "cosine" | "linear" | "constant" | "rsqrt" | "step"
  /** Steps of linear warm-up; below 1 a fraction of all steps. */
  readonly warmup: number
  /** Where cosine and linear decay end, as a fraction of the base rate; what each drop of step decay leaves of the rate. */
  readonly final: number
  /**
   * The steps, from 0, at which step decay drops; those below 1 are fractions of all steps; 2/3 unless told, as DETR's.
   */
  readonly drop?: number | readonly number[]
}

/** Warm-up in steps. */
export function warmupSteps({ warmup }: Schedule, steps: number): number {
  return warmup < 1 ? Math.floor(warmup * steps) : warmup
}

/**
 * The learning rate of step `step`, counted from 0, in a run of `steps`: `base · (step + 1) / warmup` while warming up, then
 * by the schedule from `base` on. Cosine is SGDR's without restarts (Loshchilov and Hutter, 2017); rsqrt is that of "Scaling
 * Vision Transformers" (Zhai et al., 2022).
 */
export function learningRate(base: number, schedule: Schedule, step: number, steps: number): number {
  const warm = warmupSteps(schedule, steps)
  if (step < warm) return (base * (step + 1)) / warm
  const progress = (step - warm) / Math.max(1, steps - warm)
  const between = (share: number): number => base * (schedule.final + (1 - schedule.final) * share)
  switch (schedule.decay) {
    case "cosine":
      return between(0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress))))
    case "linear":
      return between(1 - Math.min(1, progress))
    case "constant":
      return base
    case "step":
      return base * schedule.final ** dropSteps(schedule, steps).filter((drop) => step >= drop).length
    case "rsqrt":
      return base * Math.sqrt(Math.max(1, warm) / Math.max(1, warm, step + 1))
  }
}

function dropSteps({ drop = 2 / 3 }: Schedule, steps: number): number[] {
  return [drop].flat().map((each) => (each < 1 ? Math.floor(each * steps) : each))
}

/**
 * The base rate by which `rsqrt` is the schedule of "Attention is all you need" (Vaswani et al., 2017, equation 3),
 * dim^-0.5 · min(step^-0.5, step · warmup^-1.5) for steps counted from 1: what it comes to at the end of the warm-up.
 */
export function transformerRate(dim: number, warmup: number): number {
  if (!(dim > 0 && warmup > 0))
    throw new VitrineError("config", `transformerRate: width and warm-up must be positive, got ${dim} and ${warmup}`)
  return 1 / Math.sqrt(dim * warmup)
}

export function checkSchedule({ decay, warmup, final, drop = 0 }: Schedule): void {
  if (!["cosine", "linear", "constant", "rsqrt", "step"].includes(decay))
    throw new VitrineError("config", `schedule: decay must be cosine, linear, constant, rsqrt or step, got ${decay}`)
  for (const each of [drop].flat())
    if (!(each >= 0 && (each < 1 || Number.isInteger(each))))
      throw new VitrineError("config", `schedule: drop must be a number of steps or a fraction below 1, got ${each}`)
  if (!(warmup >= 0 && (warmup < 1 || Number.isInteger(warmup))))
    throw new VitrineError("config", `schedule: warmup must be a number of steps or a fraction below 1, got ${warmup}`)
  if (!(final >= 0 && final <= 1)) throw new VitrineError("config", `schedule: final must be in [0, 1], got ${final}`)
}
