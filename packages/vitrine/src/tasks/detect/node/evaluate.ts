import { graph, programs, rootScope, VitrineError } from "@vitrine/core"
import { type DetectionEvaluation, detectionObjective, type Faults } from "@vitrine/detection"
import { type AnnotationFormat, createDetectionLoader, openDetection, resolveDetection } from "@vitrine/detection/node"
import { evaluateBatches } from "@vitrine/trainer"
import { checkFinite } from "../../../finite.ts"
import { openBackend } from "../../../node/backends.ts"
import { locate } from "../../../node/hub.ts"
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
export interface DetectorEvaluation extends Omit<DetectionEvaluation, "classes"> {
  readonly data: string
  readonly split: "train" | "val" | "test"
  /** The AP of each class of the model, or -1 for a class that the data do not have. */
  readonly classes: readonly { readonly label: string; readonly ap: number }[]
  readonly faults: Faults
}

/** The greatest number of pixels in a batch. Larger images make smaller batches. */
const batchPixels = 2 ** 22

/**
 * Measures a detector on annotated images with COCO's measures. Classes of the data and of the model match by name.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluateDetector(
  path: string,
  options: EvaluateDetectorOptions = {},
): Promise<DetectorEvaluation> {
  const { data, format, split, batchSize = 16, workers = 1, heads, dilated, ...choice } = options
  const { config, labels, preprocessing, record, values } = await readDetector((await locate(path)).path, {
    heads,
    dilated,
  })
  const { shortest, within: imageSize, mean, std } = preprocessing
  for (const [field, value] of [
    ["size", preprocessing.resize],
    ["resample", preprocessing.interpolation],
    ["pad_size", preprocessing.padSize],
  ] as const)
    if (value !== undefined)
      throw new VitrineError(
        "config",
        `${path}: a detector is measured on images that are resized by their shorter side, bilinearly: ${field} of its preprocessor_config.json is for vitrine detect alone`,
      )
  const name = data ?? record?.data
  if (name === undefined)
    throw new VitrineError("config", `${path}: does not say what it was trained on: name the data (data, --data)`)
  const origin = data === undefined ? record : null
  const resolved = await resolveDetection(name, {
    format: format ?? origin?.format,
    seed: origin?.seed,
    valFraction: origin?.valFraction,
    imageSize: record?.recipe.imageSize,
  })
  const part = split ?? (resolved.val === null && resolved.test !== null ? "test" : "val")
  const source = resolved[part]
  if (source === null) throw new VitrineError("config", `${name}: has no ${part} images; evaluate another split`)
  const modelClasses = resolved.classes.map((label) => labels.indexOf(label))
  const unknown = resolved.classes[modelClasses.indexOf(-1)]
  if (unknown !== undefined)
    throw new VitrineError(
      "config",
      `${name}: has a class ${JSON.stringify(unknown)} that the model lacks; its classes are ${labels.slice(0, 20).join(", ")}`,
    )
  const dataset = await openDetection(source)
  const { backend, close } = await openBackend(choice)
  try {
    const { measure } = detectionObjective(config, {
      imageSize,
      padded: true,
      truth(example) {
        const objects = dataset.objects(example)
        return { ...objects, labels: objects.labels.map((label) => modelClasses[label] ?? -1) }
      },
    })
    const evaluator = programs(backend, graph({ outputs: measure.outputs(rootScope()) }), { constants: values })
    const images = Math.floor(batchPixels / (imageSize[0] * imageSize[1]))
    const batches = await createDetectionLoader({
      source,
      workers,
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
      const classFigures = labels.map((label, i) => ({ label, ap: classes[i] ?? -1 }))
      return { data: name, split: part, ...figures, classes: classFigures, faults: resolved.faults }
    } finally {
      await batches.close()
      await evaluator.dispose()
    }
  } finally {
    await dataset.close?.()
    await close()
  }
}
