import { VitrineError } from "@vitrine/core"
import { createDetectionLoader, type DetectionDataset, type DetectionEvaluation, scenes } from "@vitrine/detection"
import type { TrainEvent } from "@vitrine/trainer"
import { runTask } from "../../../run.ts"
import { locateModel, type ModelSource } from "../../../web/files.ts"
import { memoryRun, type PageRunOptions } from "../../../web/run.ts"
import type { DetectionRecipe } from "../recipe-type.ts"
import { type DetectionPart, type DetectionSetupEvent, type DetectorPlatform, prepareDetector } from "../train.ts"
import { readDetector } from "./load.ts"

/** Options of training a detector in a page. */
export interface TrainDetectorOptions extends PageRunOptions {
  /** `scenes`, the built-in drawings, or data sets, which stay open. */
  readonly data: "scenes" | { readonly train: DetectionDataset; readonly validation?: DetectionDataset | undefined }
  /** The recipe. The data and the starting detector provide its missing fields. A resumed run does not need it. */
  readonly recipe?: DetectionRecipe | undefined
  /** The detector from which the run starts. It has the same parameters, but may have other classes. */
  readonly from?: ModelSource | undefined
}

/**
 * Trains a detector in a page, and yields events. This thread prepares the data.
 * @throws VitrineError: one line that says what is wrong with the data, the recipe or the loss
 */
export function trainDetector(
  options: TrainDetectorOptions,
): AsyncGenerator<DetectionSetupEvent | TrainEvent<DetectionEvaluation>, void, void> {
  const { data: _, recipe: __, from: ___, signal, ...runOptions } = options
  return runTask(
    () => memoryRun(runOptions),
    signal,
    async (run) => {
      if (run.resumed && run.resumed.config == null)
        throw new VitrineError("config", "there is no run in the store to resume")
      return prepareDetector(run, options, platformOf(options))
    },
  )
}

function platformOf({ data, from, seed: newSeed, recipe }: TrainDetectorOptions): DetectorPlatform {
  return {
    name: "the store",
    file: "config.json",
    async openData(stored) {
      const { seed = 0 } = stored ?? { seed: newSeed }
      const imageSize = stored?.recipe.imageSize ?? recipe?.imageSize
      const drawings = (split: "train" | "val", size: number): DetectionDataset =>
        scenes({ split, size, seed, ...(imageSize && { imageSize }) })
      const builtIn = data === "scenes"
      const { train, validation } = builtIn
        ? { train: drawings("train", 20_000), validation: drawings("val", 500) }
        : data
      const name = builtIn ? data : train.name
      return {
        name,
        origin: name,
        builtIn,
        faults: { count: 0, lines: [] },
        train: partOf(train),
        validation: validation === undefined ? null : partOf(validation),
      }
    },
    async openStart() {
      if (from === undefined) return undefined
      const location = await locateModel(from)
      return { name: location.name, model: await readDetector(location) }
    },
  }
}

const partOf = (dataset: DetectionDataset): DetectionPart => ({
  dataset,
  sizes: sizesOf(dataset),
  load: (options) => createDetectionLoader({ ...options, dataset }),
})

/** The sizes of a data set's images, if its source tells them. */
function sizesOf({ source }: DetectionDataset): DetectionPart["sizes"] {
  if (source === undefined) return undefined
  return source.kind === "scenes" ? [source.imageSize ?? [64, 64]] : source.sizes
}
