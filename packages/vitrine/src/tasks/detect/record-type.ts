import { type RunOrigin } from "../../origin.ts"
import type { ResolvedDetectionRecipe } from "./recipe-type.ts"

/**
 * The data that a detector's run folder stores in `config.json`. They are enough to use the detector and to resume the
 * run.
 */
export interface DetectionRecord extends RunOrigin {
  readonly task: "detect"
  readonly format?: "coco" | "voc"
  readonly recipe: ResolvedDetectionRecipe
}
