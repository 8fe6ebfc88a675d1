import { VitrineError } from "@vitrine/core"
import { detrConfig } from "@vitrine/detection"
import { trainingOptions } from "@vitrine/trainer"
import type { ResolvedDetectionRecipe } from "./recipe.ts"

/** What the run folder of a detector remembers in `config.json`, so that it can be used and go on alone. */
export interface DetectionRecord {
  readonly task: "detect"
  /** `scenes`, or an absolute path. */
  readonly data: string
  readonly format?: "coco" | "voc"
  readonly seed: number
  readonly valFraction: number
  readonly recipe: ResolvedDetectionRecipe
  /** What computed it, in turn: engine, version, threads, processor. */
  readonly engines: readonly string[]
}

/** `config.json` of a detector's run: what the model is, and how it came to be. */
export function detectionConfig(record: DetectionRecord, labels: readonly string[]): object {
  const { config: detector, imageSize, mean, std } = record.recipe
  const vitrine = { detector, imageSize, mean, std, ...record }
  return { architecture: "detr", num_classes: labels.length, label_names: labels, vitrine }
}

/**
 * The record and the labels in a `config.json`; null for one that is not of a detector's run.
 * @throws VitrineError (config, file) for a record that makes no sense.
 */
export function detectionRecordOf(
  json: unknown,
  name: string,
): { readonly record: DetectionRecord; readonly labels: readonly string[] } | null {
  const { vitrine, label_names: labels } = (json ?? {}) as { vitrine?: Partial<DetectionRecord>; label_names?: unknown }
  if (vitrine?.task !== "detect") return null
  const { data, seed, valFraction, recipe, engines, format } = vitrine
  const fail = (what: string): never => {
    throw new VitrineError("file", `${name}: ${what}`)
  }
  if (typeof data !== "string" || typeof seed !== "number" || typeof recipe !== "object" || recipe === null)
    return fail("its record of the run lacks data, seed or recipe")
  const config = detrConfig(recipe.config)
  const { imageSize, mean, std, augment, batchSize } = recipe
  const side = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) > 0 && (n as number) < 2 ** 16
  if (!Array.isArray(imageSize) || imageSize.length !== 2 || !imageSize.every(side))
    return fail(`its imageSize is ${JSON.stringify(imageSize)}, not two positive integers`)
  const three = (list: unknown): boolean => Array.isArray(list) && list.length === 3 && list.every(Number.isFinite)
  if (!three(mean) || !three(std)) return fail("its mean and std are not three numbers each")
  if (!Array.isArray(augment) || !side(batchSize)) return fail("its recipe has no augment or no batchSize")
  const known = Array.isArray(labels) ? labels.map(String) : []
  if (known.length !== config.classes) return fail(`has ${config.classes} classes, but ${known.length} label_names`)
  return {
    labels: known,
    record: {
      task: "detect",
      data,
      ...(format === "coco" || format === "voc" ? { format } : {}),
      seed,
      valFraction: typeof valFraction === "number" ? valFraction : 0.1,
      recipe: { ...recipe, config, training: trainingOptions(recipe.training) },
      engines: Array.isArray(engines) ? engines.map(String) : [],
    },
  }
}
