import { type RunOrigin } from "../../origin.ts"
import type { ResolvedReadingRecipe } from "./recipe-type.ts"

/**
 * The data that a reader's run folder stores in `config.json`. They are enough to use the reader and to resume the run.
 */
export interface ReadingRecord extends RunOrigin {
  readonly task: "read"
  readonly recipe: ResolvedReadingRecipe
}
