import { VitrineError } from "@vitrine/core"
import type { Faults } from "@vitrine/detection"
import { type AnnotationFormat, createDetectionLoader, openDetection, resolveDetection } from "@vitrine/detection/node"
import { openBackend } from "../../../node/backends.ts"
import { checkRunData, isAway, isSameData, locatePlace } from "../../../node/data.ts"
import { locate } from "../../../node/hub.ts"
import { checkMeasurable, type DetectorFigures, measureDetector } from "../evaluate.ts"
import { type LoadDetectorOptions, readDetector } from "./load.ts"

/** Options of measuring a detector. */
export interface EvaluateDetectorOptions extends LoadDetectorOptions {
  /** A path or `scenes`; the training data by default. */
  readonly data?: string | undefined
  readonly format?: AnnotationFormat | undefined
  /** `val` by default, or `test` if the data have no validation images. */
  readonly split?: "train" | "val" | "test" | undefined
  /** The number of images in a batch; 16 by default. It does not change the result. */
  readonly batchSize?: number | undefined
  /** The number of threads that prepare images; 1 by default. */
  readonly workers?: number | undefined
}

/** The figures of a detector by COCO's rules, and what was measured. */
export interface DetectorEvaluation extends DetectorFigures {
  readonly split: "train" | "val" | "test"
  readonly faults: Faults
}

/**
 * Measures a detector on annotated images with COCO's measures. Classes of the data and of the model match by name.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluateDetector(
  path: string,
  options: EvaluateDetectorOptions = {},
): Promise<DetectorEvaluation> {
  const { data, format, split, batchSize = 16, workers = 1, heads, dilated, ...choice } = options
  const model = await readDetector((await locate(path)).path, { heads, dilated })
  checkMeasurable(path, model)
  const { record } = model
  const name = data ?? record?.data
  if (name === undefined)
    throw new VitrineError("config", `${path}: does not say what it was trained on: name the data (data, --data)`)
  if (data === undefined && record) checkRunData(path, record.data)
  // Data whose run's lie there no more are taken for them, so that its validation images are measured.
  const origin = record && (isSameData(record.data, data) || isAway(record.data)) ? record : null
  const { place } = await locatePlace(name)
  const { faults, ...splits } = await resolveDetection(place, {
    format: format ?? origin?.format,
    seed: origin?.seed,
    valFraction: origin?.valFraction,
    imageSize: record?.recipe.imageSize,
  })
  const part = split ?? (splits.val === null && splits.test !== null ? "test" : "val")
  const source = splits[part]
  if (source === null) throw new VitrineError("config", `${name}: has no ${part} images; evaluate another split`)
  const dataset = await openDetection(source)
  const { backend, close } = await openBackend(choice)
  try {
    const openLoader: Parameters<typeof measureDetector>[0]["openLoader"] = (loading) =>
      createDetectionLoader({ ...loading, source, workers })
    const figures = await measureDetector({ model, dataset, data: name, batchSize, backend, openLoader })
    return { ...figures, split: part, faults }
  } finally {
    await dataset.close?.()
    await close()
  }
}
