import { taskRecord } from "@vitrine/checkpoint"
import { detectionLossDefaults, detrConfig } from "@vitrine/detection"
import { trainingOptions } from "@vitrine/trainer"
import { fieldOf } from "../../fields-schema.ts"
import { inField } from "../../in-field.ts"
import { originOf } from "../../origin.ts"
import { checkDetectionRecord } from "./schema.ts"
import type { DetectionRecord } from "./record-type.ts"

/** The `config.json` of a detector's run: the model and its record. */
export function detectionConfig(record: DetectionRecord, labels: readonly string[]): object {
  const { config: detector, imageSize, mean, std } = record.recipe
  const vitrine = { detector, imageSize, mean, std, ...record }
  return { architecture: "detr", num_classes: labels.length, label_names: labels, vitrine }
}

/**
 * The record in a `config.json`, or null for a detector that Vitrine has not trained.
 * @param file the file's name in errors
 * @throws VitrineError (config) for an invalid record
 */
export function detectionRecordOf(json: unknown, file: string): DetectionRecord | null {
  const record: unknown = taskRecord(json, "detect")
  if (fieldOf(record, "task") === undefined) return null
  checkDetectionRecord(record, file)
  const { recipe, format } = record
  return {
    task: "detect",
    ...originOf(record, recipe.evaluateEvery),
    ...(format && { format }),
    recipe: {
      ...recipe,
      losses: { ...detectionLossDefaults, ...recipe.losses },
      config: inField(file, "vitrine.recipe.config", () => detrConfig(recipe.config)),
      training: inField(file, "vitrine.recipe.training", () => trainingOptions(recipe.training)),
    },
  }
}
