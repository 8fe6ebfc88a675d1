import type { Task } from "../task.ts"
import { evaluateDetector } from "./node/evaluate.ts"
import { exportDetector } from "./node/export.ts"
import { loadDetector } from "./node/load.ts"
import { trainDetector } from "./node/train.ts"
import { detectorPlan } from "./plan.ts"
import { resolveDetectionRecipe } from "./recipe.ts"
import { detectionRecordOf } from "./record.ts"

/** Objects in images, with their boxes and classes. */
export const detect: Task = {
  train: trainDetector,
  evaluate: evaluateDetector,
  async load(path, options) {
    const detector = await loadDetector(path, options)
    return { ...detector, inspect: async (image, taps) => (await detector.inspect(image, taps)).taps }
  },
  exportModel: exportDetector,
  resolveRecipe: resolveDetectionRecipe,
  recordOf: detectionRecordOf,
  plan: detectorPlan,
}
