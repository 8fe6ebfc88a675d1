import type { Task } from "../task.ts"
import { evaluateAny as evaluate } from "./node/evaluate.ts"
import { exportClassifier } from "./node/export.ts"
import { load } from "./node/load.ts"
import { train } from "./node/train.ts"
import { classifierPlan } from "./plan.ts"
import { resolveRecipe } from "./recipe.ts"
import { recordOf } from "./record.ts"

/** The classes of images, or pre-training without labels. */
export const classify: Task = {
  train,
  evaluate,
  load,
  exportModel: exportClassifier,
  resolveRecipe,
  recordOf,
  plan: classifierPlan,
}
