import { storedConfig, taskRecord } from "@vitrine/checkpoint"
import { trainingOptions } from "@vitrine/trainer"
import { fieldOf } from "../../fields-schema.ts"
import { inField } from "../../in-field.ts"
import { originOf, type RunOrigin } from "../../origin.ts"
import type { ResolvedRecipe } from "./recipe.ts"
import { checkRecord } from "./schema.ts"

/** What a run folder remembers in `config.json`, so that it can go on alone. */
export type RunRecord = RunOrigin & {
  readonly recipe: ResolvedRecipe
  /** Absolute path of the model that the run starts from, or `hf:owner/name@commit`. */
  readonly from?: string
  /** The model that it is taught by, as `from`. */
  readonly teacher?: string
  /** The classes that it is trained on, where they are not all of the data's. */
  readonly classes?: readonly string[]
  /** How many images of each class, where they are not all. */
  readonly perClass?: number
}

/**
 * The record in a `config.json`; null for a model that was not trained by Vitrine.
 * @throws VitrineError (config) for a record that makes no sense.
 */
export function recordOf(json: unknown, file = "config.json"): RunRecord | null {
  const record: unknown = taskRecord(json, "classify")
  if (fieldOf(record, "recipe") === undefined) return null
  checkRecord(record, file)
  const { recipe, from, teacher, classes, perClass } = record
  return {
    ...originOf(record, recipe.evaluateEvery),
    recipe: {
      ...before,
      ...recipe,
      config: storedConfig(recipe.config, "vitrine.recipe.config", json, file),
      training: inField(file, "vitrine.recipe.training", () => trainingOptions(recipe.training)),
    },
    ...(from !== undefined && { from }),
    ...(teacher !== undefined && { teacher }),
    ...(classes !== undefined && { classes }),
    ...(perClass !== undefined && { perClass }),
  }
}

/** The behaviour of older versions, which wrote no such fields. */
const before = {
  init: "fan",
  augmentNormalized: [],
  task: "classify",
  distillation: null,
  labelSmoothing: 0,
  mix: null,
  dropLast: true,
  interpolation: "bicubic",
  cropPct: 1,
  cropMode: "center",
} as const
