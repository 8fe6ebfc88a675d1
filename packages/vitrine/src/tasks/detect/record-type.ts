import { type RunOrigin } from "../../origin.ts"
import type { ResolvedDetectionRecipe } from "./recipe-type.ts"

/** What the run folder of a detector stores in `config.json`, so that it can be used and the run can go on alone. */
export interface DetectionRecord extends RunOrigin {
  readonly task: "detect"
  readonly format?: "coco" | "voc"
  readonly recipe: ResolvedDetectionRecipe
}
