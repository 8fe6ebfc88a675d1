import type { DatasetSource } from "../dataset.ts"
import type { SplitNames } from "../splits.ts"

/** The splits of data. */
export interface ResolvedData {
  readonly train: DatasetSource
  readonly val: DatasetSource | null
  /** Images to measure a model on once it is chosen. They are no validation set. */
  readonly test: DatasetSource | null
  readonly splitNames: SplitNames
  /** Files that are passed over, a line for each kind with its number and an example. */
  readonly passedOver: readonly string[]
  /** How the labels were found, and what is odd about them. */
  readonly notes: readonly string[]
}
