import { resolve } from "node:path"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import { type Dataset, type DatasetSource, inOrder, parseOrder, type Selection } from "@vitrine/data"
import { createLoader, dataListing, openDataset, subset } from "@vitrine/data/node"
import { checkRunData, locateData } from "../../../node/data.ts"
import { locate } from "../../../node/hub.ts"
import { runFolder, type RunOptions } from "../../../node/run.ts"
import { type OpenRun, runTask } from "../../../run.ts"
import type { Recipe, RecipeRule } from "../recipe-type.ts"
import type { RunRecord } from "../record-type.ts"
import { recordOf } from "../record.ts"
import type { TrainEvent } from "../events.ts"
import { type ClassifierPlatform, prepareClassifier, type SetupEvent } from "../train.ts"
import { openTeacher } from "./teacher.ts"

/** Options of training a classifier in Node. */
export interface TrainOptions extends RunOptions {
  /** A path or `shapes`: see `resolveData`. A resumed run needs it only if the data have moved. */
  readonly data?: string | undefined
  /** The recipe. The data and the model provide its missing fields. A resumed run does not need it. */
  readonly recipe?: Recipe | RecipeRule | undefined
  /** Whether a recipe's batch with more images than there are is lowered to them; by default it is an error. */
  readonly lowersBatch?: boolean | undefined
  /**
   * The model from which the run starts, in any form that `load` accepts. It also provides the missing fields of the
   * recipe's model and input. For another `imageSize`, positions are resized in the way of the model's origin. If the
   * classes are others, the head is a single linear layer that starts at 0.
   */
  readonly from?: string | undefined
  /** The name in timm of that model, if several models have the same names of tensors. */
  readonly architecture?: string | undefined
  /**
   * The teacher for distillation, in any form that `load` accepts. It must have the data's classes, and patches that
   * fit the student's images, since it gets the same images.
   */
  readonly distillFrom?: string | undefined
  /** The number of threads that prepare data; 1 by default. It does not change the result. */
  readonly workers?: number | undefined
  /** The names of the classes for training and validation; all of the data's by default. */
  readonly classes?: readonly string[] | undefined
  /** The number of training images of each class, drawn by the seed; all by default. */
  readonly perClass?: number | undefined
  /** The column of a table with the images' paths; by default one with a usual name. */
  readonly fileColumn?: string | undefined
  /** Its column with the labels, or several with 0 and 1; by default one with a usual name. */
  readonly labelColumns?: readonly string[] | undefined
  /** The name of the split for training, if it is not the usual one. */
  readonly trainSplit?: string | undefined
  /** The order of shuffled epochs: `exact`, `windowed` or `windowed:ROWSxBLOCKS`; by default what suits the data. */
  readonly order?: string | undefined
  /** Whether the first broken image ends the run; by default it is named, and its row has weight 0. */
  readonly strict?: boolean | undefined
}

/**
 * Trains a Vision Transformer or a BiT ResNet on images from disk, and yields events.
 *
 *     for await (const event of train({ data: "shapes", out: "runs/shapes" }))
 *     if (event.type === "step") console.log(event.step, event.loss)
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe, the folder or the loss
 */
export function train(options: TrainOptions): AsyncGenerator<SetupEvent | TrainEvent, void, void> {
  return runTask(
    () => runFolder(options),
    options.signal,
    async (run) => {
      const record = run.resumed && recordOf(run.resumed.config)
      if (record === null)
        throw new VitrineError(
          "file",
          `${options.resume}: its config.json does not say how it was trained, so it cannot be resumed`,
        )
      return prepareClassifier(run, record, options, platformOf(options, record, run))
    },
  )
}

function platformOf(
  options: TrainOptions,
  record: RunRecord | undefined,
  { closeLater }: OpenRun,
): ClassifierPlatform<string> {
  const teacher = record ? record.teacher : options.distillFrom
  return {
    async openData({ classes, perClass, order: orderName, ...choice }) {
      const name = options.data ?? record?.data
      if (name === undefined) throw new VitrineError("config", "train needs data: a path, or shapes")
      if (options.data === undefined && record) checkRunData(options.resume ?? "the run", record.data)
      const order = orderName === undefined ? undefined : parseOrder(orderName)
      const { resolved, shown, origin } = await locateData(name, { ...choice, order })
      const { train, val, test, splitNames, passedOver, notes } = resolved
      const open = async (source: DatasetSource, selection: Selection): Promise<Dataset> => {
        const dataset = await openDataset(source)
        closeLater(dataset.close)
        return subset(inOrder(dataset, order), selection)
      }
      return {
        name: shown,
        origin,
        train: await open(train, { classes, perClass, seed: choice.seed }),
        validation: val === null ? undefined : await open(val, { classes }),
        test: test === null ? undefined : await open(test, { classes }),
        splitNames,
        passedOver,
        notes,
        listing: await dataListing(resolved, resolve(name)),
      }
    },
    async openStart(name, hints) {
      const { path, name: origin } = await locate(name)
      const model = await readModelFolder(path, hints)
      closeLater(model.weights.close)
      return { name, origin, model }
    },
    openLoader: (dataset, plan) =>
      dataset.source === undefined
        ? createLoader({ ...plan, dataset })
        : createLoader({ ...plan, source: dataset.source, order: dataset.order, workers: options.workers ?? 1 }),
    teacher,
    async openTeacher(recipe, classNames, backend) {
      if (teacher === undefined) {
        if (recipe.distillation === null) return undefined
        throw new VitrineError("config", "the recipe distils: name the teacher (distillFrom, --distill-from)")
      }
      const opened = await openTeacher(teacher, recipe, classNames, backend)
      closeLater(opened.close)
      return opened
    },
  }
}
