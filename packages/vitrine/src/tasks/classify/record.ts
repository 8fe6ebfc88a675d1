import { storedConfig, taskRecord } from "@vitrine/checkpoint"
import { checkTransforms } from "@vitrine/data/internal"
import { trainingOptions } from "@vitrine/trainer"
import { originOf, type RunOrigin } from "../../origin.ts"
import type { ResolvedRecipe } from "./recipe.ts"

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
export function recordOf(config: unknown): RunRecord | null {
  const record: Partial<RunRecord> | null = taskRecord(config, "classify")
  const { recipe, from, teacher, classes, perClass } = record ?? {}
  if (record === null || !isObject(recipe)) return null
  const origin = originOf(record, recipe.evaluateEvery)
  if (origin === null) return null
  if (!Array.isArray(recipe.augment) || !isObject(recipe.training) || !isObject(recipe.config)) return null
  checkTransforms(recipe.augment)
  const checked = {
    ...recipe,
    cropMode: recipe.cropMode ?? "center",
    task: recipe.task ?? "classify",
    distillation: recipe.distillation ?? null,
    config: storedConfig(recipe.config, "vitrine.recipe.config", config, "config.json"),
    training: trainingOptions(recipe.training),
  }
  return {
    ...origin,
    recipe: checked,
    ...(typeof from === "string" && { from }),
    ...(typeof teacher === "string" && { teacher }),
    ...(Array.isArray(classes) && { classes: classes.map(String) }),
    ...(typeof perClass === "number" && { perClass }),
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null
