import { VitrineError } from "@vitrine/core"
import type { DetectionEvaluation } from "@vitrine/detection"
import {
  type AnnotationFormat,
  createDetectionLoader,
  type DetectionSource,
  openDetection,
  resolveDetection,
} from "@vitrine/detection/node"
import type { TrainEvent } from "@vitrine/trainer"
import { checkRunData, locatePlace } from "../../../node/data.ts"
import { runFolder, type RunOptions } from "../../../node/run.ts"
import { type OpenRun, runTask } from "../../../run.ts"
import type { DetectionRecipe } from "../recipe-type.ts"
import { type DetectionPart, type DetectionSetupEvent, type DetectorPlatform, prepareDetector } from "../train.ts"
import { readDetector } from "./load.ts"

/** Options of training a detector in Node. */
export interface TrainDetectorOptions extends RunOptions {
  /** A path or `scenes`: see `resolveDetection`. A resumed run needs it only if the data have moved. */
  readonly data?: string | undefined
  /** The annotations to read if the data have both kinds. */
  readonly format?: AnnotationFormat | undefined
  /** The recipe. The data and the starting detector provide its missing fields. A resumed run does not need it. */
  readonly recipe?: DetectionRecipe | undefined
  /** The detector from which the run starts. It has the same parameters, but may have other classes. */
  readonly from?: string | undefined
  /** The number of threads that prepare data; 1 by default. It does not change the result. */
  readonly workers?: number | undefined
}

/**
 * Trains a detector on annotated images, and yields events. Evaluations are COCO's AP on the validation images.
 *
 *     for await (const event of trainDetector({ data: "scenes", out: "runs/scenes" }))
 *     if (event.type === "evaluation") console.log(event.step, event.ap50)
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe, the folder or the loss
 */
export function trainDetector(
  options: TrainDetectorOptions,
): AsyncGenerator<DetectionSetupEvent | TrainEvent<DetectionEvaluation>, void, void> {
  return runTask(
    () => runFolder(options),
    options.signal,
    (run) => prepareDetector(run, options, platformOf(options)),
  )
}

function platformOf(options: TrainDetectorOptions): DetectorPlatform {
  const { resume = "", workers = 1 } = options
  return {
    name: resume,
    file: `${resume}/config.json`,
    async openData(stored, closeLater) {
      const data = options.data ?? stored?.data
      if (data === undefined) throw new VitrineError("config", "training a detector needs data: a path, or scenes")
      if (options.data === undefined && stored) checkRunData(resume, stored.data)
      const { seed = 0, valFraction = 0.1, format } = stored ?? options
      const imageSize = stored?.recipe.imageSize ?? options.recipe?.imageSize
      const { place, origin } = await locatePlace(data, "scenes")
      const { train, val, test, faults } = await resolveDetection(place, { format, valFraction, seed, imageSize })
      if (train === null) throw new VitrineError("file", `${data}: has no training images`)
      const validation = val ?? test
      return {
        name: data,
        origin,
        format,
        builtIn: train.kind === "scenes",
        faults,
        train: await openPart(train, workers, closeLater),
        validation: validation && (await openPart(validation, workers, closeLater)),
      }
    },
    async openStart() {
      const { from } = options
      return from === undefined ? undefined : { name: from, model: await readDetector(from) }
    },
  }
}

async function openPart(
  source: DetectionSource,
  workers: number,
  closeLater: OpenRun["closeLater"],
): Promise<DetectionPart> {
  const dataset = await openDetection(source)
  closeLater(dataset.close)
  return {
    dataset,
    sizes: source.kind === "scenes" ? [source.imageSize ?? [64, 64]] : source.sizes,
    load: (options) => createDetectionLoader({ ...options, source, workers }),
  }
}
