import type { TrainingOptions } from "@vitrine/trainer"

/** The first event of any run. */
export interface RunSetup {
  readonly type: "setup"
  /** The run folder; null without one. */
  readonly run: string | null
  /** The step after which a run goes on; null for a new run. */
  readonly resumed: number | null
  /** What is wrong with checkpoints that were passed over. */
  readonly damaged: readonly string[]
  readonly data: string
  /** Images, or lines, to train on. */
  readonly examples: number
  /** Images, or lines, to validate on. */
  readonly validation: number
  readonly recipe: { readonly training: TrainingOptions }
}

/** The fields of a setup event that depend on the run's place. */
export type PlaceSetup = Pick<RunSetup, "type" | "run" | "resumed" | "damaged">

/** The fields of a setup event that its task fills in. */
export type TaskSetup<Setup extends RunSetup> = Omit<Setup, keyof PlaceSetup>
