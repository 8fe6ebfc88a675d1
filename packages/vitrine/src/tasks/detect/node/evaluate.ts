import { graph, programs, rootScope, VitrineError } from "@vitrine/core"
import { detectionObjective, type DetectionEvaluation, type Faults } from "@vitrine/detection"
import { createDetectionLoader, openDetection, resolveDetection } from "@vitrine/detection/node"
import { evaluateBatches } from "@vitrine/trainer"
import { createBackend } from "../../../node/backends.ts"
import { type LoadDetectorOptions, readDetector } from "./load.ts"
import { checkFinite } from "../../../finite.ts"
import { locate } from "../../../node/hub.ts"

export interface EvaluateDetectorOptions extends LoadDetectorOptions {
  /** A path or `scenes`; by default what the model was trained on. */
  readonly data?: string | undefined
  readonly format?: "coco" | "voc" | undefined
  /** `val` by default, or `test` where there is no such set. */
  readonly split?: "train" | "val" | "test" | undefined
  /** 16 by default; no influence on the result. */
  readonly batchSize?: number | undefined
  readonly workers?: number | undefined
}

export interface DetectorEvaluation extends Omit<DetectionEvaluation, "classes"> {
  readonly data: string
  readonly split: "train" | "val" | "test"
  /** AP of each of the model's classes, -1 where the data have none. */
  readonly classes: readonly { readonly label: string; readonly ap: number }[]
  readonly faults: Faults
}

/** Large images make smaller batches. */
const batchPixels = 2 ** 22

/**
 * Measures a detector on annotated images, by COCO's figures. Classes of the data are the model's by their names.
 * @throws VitrineError (file, config, backend)
 */
export async function evaluateDetector(
  path: string,
  options: EvaluateDetectorOptions = {},
): Promise<DetectorEvaluation> {
  const { backend: wanted = "auto", data: given, format, split, batchSize = 16, workers = 1, ...engine } = options
  const { config, labels, preprocessing, record, values } = await readDetector((await locate(path)).path)
  const { shortest, within: imageSize, mean, std } = preprocessing
  const data = given ?? record?.data
  if (data === undefined)
    throw new VitrineError("config", `${path}: does not say what it was trained on: name the data (data, --data)`)
  const own = given === undefined ? record : null
  const resolved = await resolveDetection(data, {
    format: format ?? own?.format,
    seed: own?.seed,
    valFraction: own?.valFraction,
    imageSize: record?.recipe.imageSize,
  })
  const chosen = split ?? (resolved.val === null && resolved.test !== null ? "test" : "val")
  const source = resolved[chosen]
  if (source === null) throw new VitrineError("config", `${data}: has no ${chosen} images; evaluate another split`)
  const places = resolved.classes.map((name) => labels.indexOf(name))
  const stranger = places.indexOf(-1)
  if (stranger >= 0)
    throw new VitrineError(
      "config",
      `${data}: has a class ${JSON.stringify(resolved.classes[stranger])} that the model lacks; its classes are ${labels.slice(0, 20).join(", ")}`,
    )
  const dataset = await openDetection(source)
  const isOwn = typeof wanted === "string"
  const backend = isOwn ? await createBackend(wanted, engine) : wanted
  try {
    const { measure } = detectionObjective(config, {
      imageSize,
      padded: true,
      truth(example) {
        const objects = dataset.objects(example)
        return { ...objects, labels: objects.labels.map((label) => places[label] as number) }
      },
    })
    const evaluator = programs(backend, graph({ outputs: measure.outputs(rootScope()) }), { constants: values })
    const batches = await createDetectionLoader({
      source,
      workers,
      batchSize: Math.max(
        1,
        Math.min(batchSize, dataset.length, Math.floor(batchPixels / (imageSize[0] * imageSize[1]))),
      ),
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
      const byClass = classes.map((ap, label) => ({ label: labels[label] as string, ap }))
      return { data, split: chosen, ...figures, classes: byClass, faults: resolved.faults }
    } finally {
      await batches.close()
      await evaluator.dispose()
    }
  } finally {
    await dataset.close?.()
    if (isOwn) await backend.close()
  }
}
