import { createDetectionLoader, type DetectionDataset } from "@vitrine/detection"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import { locateModel, type ModelSource } from "../../../web/files.ts"
import { checkMeasurable, type DetectorFigures, measureDetector } from "../evaluate.ts"
import { readDetector } from "./load.ts"

/** Options of measuring a detector in a page. */
export interface EvaluateDetectorOptions extends BackendChoice {
  /** The images and their objects. They stay open. */
  readonly data: DetectionDataset
  /** The number of images in a batch; 16 by default. It does not change the result. */
  readonly batchSize?: number | undefined
}

/**
 * Measures a detector in a page on annotated images with COCO's measures. Classes of the data and of the model match by
 * name. This thread prepares the data.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluateDetector(
  source: ModelSource,
  { data: dataset, batchSize = 16, ...choice }: EvaluateDetectorOptions,
): Promise<DetectorFigures> {
  const location = await locateModel(source)
  const model = await readDetector(location)
  checkMeasurable(location.name, model)
  const { backend, close } = await openBackend(choice)
  try {
    return await measureDetector({
      model,
      dataset,
      data: dataset.name,
      batchSize,
      backend,
      openLoader: (options) => createDetectionLoader({ ...options, dataset }),
    })
  } finally {
    await close()
  }
}
