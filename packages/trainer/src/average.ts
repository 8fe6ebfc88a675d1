import type { TrainingOptions } from "./options.ts"

/** The decay of the average at a step, from 0. */
export function averageDecay(ema: number, emaWarmup: boolean, step: number): number {
  return emaWarmup ? Math.min(ema, (1 + step) / (10 + step)) : ema
}

/** The weight of the starting values in the average of the parameters at the end of a run; 0 without an average. */
export function startShare({ ema, emaWarmup, steps }: Pick<TrainingOptions, "ema" | "emaWarmup" | "steps">): number {
  if (ema === null) return 0
  let share = 1
  for (let step = 0; step < steps && share > 1e-9; step++) share *= averageDecay(ema, emaWarmup, step)
  return share
}
