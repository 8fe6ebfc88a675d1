import type { TrainingOptions } from "@vitrine/trainer"

/** What is told of any run before its first step. */
export interface RunSetup {
  readonly type: "setup"
  /** The run folder, if there is one. */
  readonly run: string | null
  /** The step from which a run is resumed; null for one that starts anew. */
  readonly resumed: number | null
  /** What is wrong with checkpoints that were passed over. */
  readonly damaged: readonly string[]
  readonly data: string
  /** Images, or lines, to train on, and to validate on. */
  readonly examples: number
  readonly validation: number
  readonly recipe: { readonly training: TrainingOptions }
}
