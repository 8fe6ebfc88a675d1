import type { Listing } from "./listing.ts"
import { type RunOrigin } from "../../origin.ts"
import type { ResolvedRecipe } from "./recipe-type.ts"
/** What the run folder of a classifier stores in `config.json`, so that the run can go on alone. */
export type RunRecord = RunOrigin & {
  readonly recipe: ResolvedRecipe
  /** Absolute path of the model that the run starts from, or `hf:owner/name@commit`. */
  readonly from?: string
  /** The teacher by distillation: its path or name, as in `from`. */
  readonly teacher?: string
  /** The classes of the run; absent for all of the data's. */
  readonly classes?: readonly string[]
  /** Training images of each class; absent for all. */
  readonly perClass?: number
  /** The column of a table with the images, and those with the labels; absent where they have their usual names. */
  readonly fileColumn?: string
  readonly labelColumns?: readonly string[]
  /** What the data consist of; absent for data that are made as they are read, and in runs of older versions. */
  readonly listing?: Listing
  /** Whether a test split validates where there is no validation split, as in runs of older versions. */
  readonly testValidates: boolean
}
