import type { DatasetSource } from "./dataset.ts"
import type { SplitNames } from "./splits.ts"

/** The splits of data. */
export interface ResolvedData {
  readonly train: DatasetSource
  readonly val: DatasetSource | null
  /** Images for measuring the final model. They are no validation set. */
  readonly test: DatasetSource | null
  readonly splitNames: SplitNames
  /** A line for each kind of passed-over files, with the number and an example. */
  readonly passedOver: readonly string[]
  /** Facts about the labels: how they were found, and oddities. */
  readonly notes: readonly string[]
}
