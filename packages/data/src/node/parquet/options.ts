import type { OrderChoice } from "../../order.ts"
import type { SplitOptions } from "../../splits.ts"
import type { ColumnOptions } from "../../tables/columns.ts"

export interface ParquetOptions extends ColumnOptions, SplitOptions {
  /** The order of shuffled epochs; by default exact where images are read by their place, else windowed. */
  readonly order?: OrderChoice | undefined
  /** Whether images need no class. Then all form one class without a name. */
  readonly unlabelled?: boolean | undefined
  /** The name of the split for training, if it is not the usual one. */
  readonly trainSplit?: string | undefined
}
