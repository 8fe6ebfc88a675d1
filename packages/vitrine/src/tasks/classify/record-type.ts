import type { Listing } from "./listing.ts"
import { type RunOrigin } from "../../origin.ts"
import type { ResolvedRecipe } from "./recipe-type.ts"
/** The data that a classifier's run folder stores in `config.json`. They are enough to resume the run. */
export type RunRecord = RunOrigin & {
  readonly recipe: ResolvedRecipe
  /** The model from which the run starts: its absolute path, or `hf:owner/name@commit`. */
  readonly from?: string
  /** The name in timm of that model, if its weights alone do not tell it. */
  readonly architecture?: string
  /** The teacher for distillation: its path or name, as in `from`. */
  readonly teacher?: string
  /** The classes of the run. Absent if they are all of the data's. */
  readonly classes?: readonly string[]
  /** The number of training images of each class. Absent for all. */
  readonly perClass?: number
  /** The columns of a table with the images and with the labels. Absent if they have usual names. */
  readonly fileColumn?: string
  readonly labelColumns?: readonly string[]
  /** The name of the split for training. Absent if it is the usual one. */
  readonly trainSplit?: string
  /** The order of shuffled epochs, as `parseOrder` of `@vitrine/data` reads it. Absent if it is exact, as in older runs. */
  readonly order?: string
  /** A summary of the data's files. Absent for data without files, and in runs of older versions. */
  readonly listing?: Listing
  /** The number of training images. Absent in runs of older versions. */
  readonly examples?: number
  /** Whether a test split is used for validation if there is no validation split, as in runs of older versions. */
  readonly testValidates: boolean
}
