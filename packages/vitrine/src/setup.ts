import type { TrainingOptions } from "@vitrine/trainer"
import type { Extension } from "./origin.ts"

/** The first event of any run. */
export interface RunSetup {
  readonly type: "setup"
  /** The path of the run folder, or null if there is none. */
  readonly run: string | null
  /** The step after which the run continues, or null for a new run. */
  readonly resumed: number | null
  /** The faults of damaged checkpoints, a line each. */
  readonly damaged: readonly string[]
  readonly data: string
  /** The number of images, or lines, for training. */
  readonly examples: number
  /** The number of images, or lines, for validation. */
  readonly validation: number
  readonly recipe: { readonly training: TrainingOptions }
  /** Changes of the run's length. Such a run is not one that was trained at once. */
  readonly extensions?: readonly Extension[] | undefined
}

/** The fields of a setup event that depend on the place of the run. */
export type PlaceSetup = Pick<RunSetup, "type" | "run" | "resumed" | "damaged">

/** The fields of a setup event that the task provides. */
export type TaskSetup<Setup extends RunSetup> = Omit<Setup, keyof PlaceSetup>
