import { type RunOrigin } from "../../origin.ts"
import type { ResolvedReadingRecipe } from "./recipe-type.ts"

/** What the run folder of a reader stores in `config.json`, so that it can be used and the run can go on alone. */
export interface ReadingRecord extends RunOrigin {
  readonly task: "read"
  readonly recipe: ResolvedReadingRecipe
}
