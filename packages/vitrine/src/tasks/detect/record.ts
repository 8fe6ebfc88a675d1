import { taskRecord } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { detrConfig } from "@vitrine/detection"
import { trainingOptions } from "@vitrine/trainer"
import { originOf, type RunOrigin } from "../../origin.ts"
import type { ResolvedDetectionRecipe } from "./recipe.ts"

/** What the run folder of a detector remembers in `config.json`, so that it can be used and go on alone. */
export interface DetectionRecord extends RunOrigin {
  readonly task: "detect"
  readonly format?: "coco" | "voc"
  readonly recipe: ResolvedDetectionRecipe
}

/** `config.json` of a detector's run: what the model is, and how it came to be. */
export function detectionConfig(record: DetectionRecord, labels: readonly string[]): object {
  const { config: detector, imageSize, mean, std } = record.recipe
  const vitrine = { detector, imageSize, mean, std, ...record }
  return { architecture: "detr", num_classes: labels.length, label_names: labels, vitrine }
}

/**
 * The record in a `config.json`; null for a detector that was not trained by Vitrine.
 * @throws VitrineError (config, file) for a record that makes no sense.
 */
export function detectionRecordOf(json: unknown, name: string): DetectionRecord | null {
  const record: Partial<DetectionRecord> | null = taskRecord(json, "detect")
  if (record?.task === undefined) return null
  const { recipe, format } = record
  const origin = recipe && originOf(record, recipe.evaluateEvery)
  if (typeof recipe !== "object" || !origin)
    throw new VitrineError("file", `${name}: its record of the run lacks data, seed or recipe`)
  if (!Array.isArray(recipe.augment) || !Array.isArray(recipe.imageSize) || typeof recipe.batchSize !== "number")
    throw new VitrineError("file", `${name}: its recipe lacks augment, imageSize or batchSize`)
  return {
    task: "detect",
    ...origin,
    ...(format === "coco" || format === "voc" ? { format } : {}),
    recipe: { ...recipe, config: detrConfig(recipe.config), training: trainingOptions(recipe.training) },
  }
}
