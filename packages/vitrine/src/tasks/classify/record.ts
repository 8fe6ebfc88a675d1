import { storedConfig, taskRecord } from "@vitrine/checkpoint"
import { trainingOptions } from "@vitrine/trainer"
import { fieldOf } from "../../fields-schema.ts"
import { inField } from "../../in-field.ts"
import { originOf } from "../../origin.ts"
import { checkRecord } from "./schema.ts"
import type { RunRecord } from "./record-type.ts"

/**
 * The record in a `config.json`, or null for a model that Vitrine has not trained.
 * @param file the file's name in errors
 * @throws VitrineError (config) for an invalid record
 */
export function recordOf(json: unknown, file = "config.json"): RunRecord | null {
  const record: unknown = taskRecord(json, "classify")
  if (fieldOf(record, "recipe") === undefined) return null
  checkRecord(record, file)
  const { recipe, from, teacher, classes, perClass, fileColumn, labelColumns, trainSplit, order, listing, examples } =
    record
  const { architecture, testValidates = true } = record
  return {
    ...originOf(record, recipe.evaluateEvery),
    recipe: {
      ...olderDefaults,
      ...recipe,
      config: storedConfig(recipe.config, "vitrine.recipe.config", json, file),
      training: inField(file, "vitrine.recipe.training", () => trainingOptions(recipe.training)),
    },
    ...(from !== undefined && { from }),
    ...(architecture !== undefined && { architecture }),
    ...(teacher !== undefined && { teacher }),
    ...(classes !== undefined && { classes }),
    ...(perClass !== undefined && { perClass }),
    ...(fileColumn !== undefined && { fileColumn }),
    ...(labelColumns !== undefined && { labelColumns }),
    ...(trainSplit !== undefined && { trainSplit }),
    ...(order !== undefined && { order }),
    ...(listing !== undefined && { listing }),
    ...(examples !== undefined && { examples }),
    testValidates,
  }
}

/** The behaviour of older versions, whose records lack these fields. */
const olderDefaults = {
  init: "fan",
  augmentNormalized: [],
  task: "classify",
  threshold: 0.5,
  distillation: null,
  labelSmoothing: 0,
  mix: null,
  dropLast: true,
  interpolation: "bicubic",
  cropPct: 1,
  cropMode: "center",
  best: "top1",
} as const
