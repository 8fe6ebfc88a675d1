import type { Task } from "../task.ts"
import { evaluateReader } from "./node/evaluate.ts"
import { exportReader } from "./node/export.ts"
import { loadReader } from "./node/load.ts"
import { trainReader } from "./node/train.ts"
import { readerPlan } from "./plan.ts"
import { resolveReadingRecipe } from "./recipe.ts"
import { readingRecordOf } from "./record.ts"

/** Lines of text in images. */
export const read: Task = {
  train: trainReader,
  evaluate: evaluateReader,
  async load(path, options) {
    const reader = await loadReader(path, options)
    return { ...reader, inspect: async (image, taps) => (await reader.inspect(image, taps)).taps }
  },
  exportModel: exportReader,
  resolveRecipe: resolveReadingRecipe,
  recordOf: (json, file) => readingRecordOf(json, file)?.record ?? null,
  plan: readerPlan,
}
