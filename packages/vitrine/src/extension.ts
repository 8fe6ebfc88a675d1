import { VitrineError } from "@vitrine/core"
import type { TrainingOptions } from "@vitrine/trainer"
import { stepsOf } from "./order.ts"
import type { RunOrigin } from "./origin.ts"

/** The new length of a run that is resumed. */
export interface NewLength {
  /** Steps of the whole run. */
  readonly steps?: number | undefined
  /** Passes of the whole run over the data, in place of `steps`. */
  readonly epochs?: number | undefined
}

type TrainedRecord = RunOrigin & { readonly recipe: { readonly training: TrainingOptions } }

/**
 * The record of a resumed run with its new length, if it gets one. The schedule then follows from the new number of steps, and
 * the record lists the step at which that began and the number of steps before.
 * @param batches the batches of a pass over the data
 * @param step the steps that the run has taken
 * @throws VitrineError (config) for a length that the run has reached already.
 */
export function withLength<R extends TrainedRecord>(
  record: R,
  { steps: total, epochs }: NewLength,
  batches: number,
  step: number,
): R {
  if (total !== undefined && epochs !== undefined) throw new VitrineError("config", "give steps or epochs, not both")
  const { training } = record.recipe
  const steps = total ?? (epochs === undefined ? training.steps : stepsOf(epochs, batches, training.accumulate))
  if (steps === training.steps) return record
  if (!Number.isSafeInteger(steps) || steps <= step)
    throw new VitrineError(
      "config",
      `the run has taken ${step} steps, so that it cannot have ${steps} in all: give more (steps or epochs, --steps or --epochs)`,
    )
  return {
    ...record,
    recipe: { ...record.recipe, training: { ...training, steps } },
    extensions: [...(record.extensions ?? []), { step, steps: training.steps }],
  }
}

/** @throws VitrineError (config) for the length of a run that is new, which its recipe says. */
export function checkNewLength({ steps, epochs }: NewLength, resumed: boolean): void {
  if (!resumed && (steps !== undefined || epochs !== undefined))
    throw new VitrineError("config", "steps and epochs of a new run are said by its recipe")
}
