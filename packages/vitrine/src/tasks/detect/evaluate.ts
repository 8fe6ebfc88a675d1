import { type Backend, graph, programs, rootScope, VitrineError } from "@vitrine/core"
import type { Loader } from "@vitrine/data"
import {
  type DetectionBatch,
  type DetectionDataset,
  type DetectionEvaluation,
  type DetectionLoaderOptions,
  detectionObjective,
} from "@vitrine/detection"
import { evaluateBatches } from "@vitrine/trainer"
import { checkFinite } from "../../finite.ts"
import type { WholeDetector } from "./detector.ts"

/** The figures of a detector by COCO's rules. */
export interface DetectorFigures extends Omit<DetectionEvaluation, "classes"> {
  /** The name of the data. */
  readonly data: string
  /** The AP of each class of the model, or -1 for a class that the data do not have. */
  readonly classes: readonly { readonly label: string; readonly ap: number }[]
}

/** A detector and the data on which it is measured. */
export interface DetectorSubject {
  readonly model: WholeDetector
  readonly dataset: DetectionDataset
  /** The name of the data in errors and figures. */
  readonly data: string
  /** The greatest number of images in a batch. */
  readonly batchSize: number
  readonly backend: Backend
  openLoader(options: DetectionLoaderOptions): Loader<DetectionBatch> | Promise<Loader<DetectionBatch>>
}

/** The greatest number of pixels in a batch. Larger images make smaller batches. */
const batchPixels = 2 ** 22

/**
 * Checks that a detector prepares images as COCO's measures need it.
 * @param name the model's name
 * @throws VitrineError (config)
 */
export function checkMeasurable(name: string, { preprocessing }: WholeDetector): void {
  for (const [field, value] of [
    ["size", preprocessing.resize],
    ["resample", preprocessing.interpolation],
    ["pad_size", preprocessing.padSize],
  ] as const)
    if (value !== undefined)
      throw new VitrineError(
        "config",
        `${name}: a detector is measured on images that are resized by their shorter side, bilinearly: ${field} of its preprocessor_config.json is for vitrine detect alone`,
      )
}

/**
 * Finds the model's class of each class of the data, by name.
 * @throws VitrineError (config) for a class that the model lacks
 */
function modelClasses(data: string, classes: readonly string[], labels: readonly string[]): number[] {
  const unknown = classes.find((label) => !labels.includes(label))
  if (unknown !== undefined)
    throw new VitrineError(
      "config",
      `${data}: has a class ${JSON.stringify(unknown)} that the model lacks; its classes are ${labels.slice(0, 20).join(", ")}`,
    )
  return classes.map((label) => labels.indexOf(label))
}

/**
 * Measures a detector with COCO's measures.
 * @throws VitrineError (config) for classes of the data that the model lacks
 */
export async function measureDetector(subject: DetectorSubject): Promise<DetectorFigures> {
  const { model, dataset, data, batchSize, backend, openLoader } = subject
  const { config, labels, preprocessing, values } = model
  const { shortest, within: imageSize, mean, std } = preprocessing
  const classOf = modelClasses(data, dataset.classes, labels)
  const { measure } = detectionObjective(config, {
    imageSize,
    padded: true,
    truth(example) {
      const objects = dataset.objects(example)
      return { ...objects, labels: objects.labels.map((label) => classOf[label] ?? -1) }
    },
  })
  const evaluator = programs(backend, graph({ outputs: measure.outputs(rootScope()) }), { constants: values })
  const images = Math.floor(batchPixels / (imageSize[0] * imageSize[1]))
  const batches = await openLoader({
    batchSize: Math.max(1, Math.min(batchSize, dataset.length, images)),
    imageSize,
    transforms: [{ op: "resizeShortest", shortest: [shortest], within: imageSize }],
    mean,
    std,
    epochs: 1,
  })
  try {
    const { classes, ...figures } = await evaluateBatches(evaluator, batches, measure, undefined, ({ logits }) =>
      checkFinite(logits?.data ?? []),
    )
    return { data, ...figures, classes: labels.map((label, i) => ({ label, ap: classes[i] ?? -1 })) }
  } finally {
    await batches.close()
    await evaluator.dispose()
  }
}
