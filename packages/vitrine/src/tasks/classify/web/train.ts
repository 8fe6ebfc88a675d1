import { VitrineError } from "@vitrine/core"
import { createLoader, type Dataset, shapes } from "@vitrine/data"
import { runTask } from "../../../run.ts"
import { locateModel, type ModelSource } from "../../../web/files.ts"
import { memoryRun, type PageRunOptions } from "../../../web/run.ts"
import type { Recipe, RecipeRule } from "../recipe-type.ts"
import { recordOf } from "../record.ts"
import type { TrainEvent } from "../events.ts"
import { type ClassifierPlatform, prepareClassifier, type SetupEvent } from "../train.ts"
import { openModelAt } from "./load.ts"

/** Options of training a classifier in a page. */
export interface TrainOptions extends PageRunOptions {
  /** `shapes`, the built-in drawings, or data sets, which stay open. */
  readonly data:
    | "shapes"
    | { readonly train: Dataset; readonly validation?: Dataset | undefined; readonly test?: Dataset | undefined }
  /** The recipe. The data and the model provide its missing fields. A resumed run does not need it. */
  readonly recipe?: Recipe | RecipeRule | undefined
  /**
   * The model from which the run starts, in any form that `load` accepts. It also provides the missing fields of the
   * recipe's model and input. If the classes are others, the head is a single linear layer that starts at 0. A resumed
   * run does not need it.
   */
  readonly from?: ModelSource | undefined
  /** The name in timm of that model, if several models have the same names of tensors. */
  readonly architecture?: string | undefined
}

/**
 * Trains a Vision Transformer or a BiT ResNet in a page, and yields events. This thread prepares the data.
 *
 *     const store = memoryStore()
 *     for await (const event of train({ data: "shapes", recipe: { steps: 200 }, store }))
 *     if (event.type === "step") console.log(event.step, event.loss)
 *     const model = await load(store.files())
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe or the loss
 */
export function train(options: TrainOptions): AsyncGenerator<SetupEvent | TrainEvent, void, void> {
  const { data, recipe: _, from: __, signal, ...runOptions } = options
  return runTask(
    () => memoryRun(runOptions),
    signal,
    async (run) => {
      const record = run.resumed && recordOf(run.resumed.config)
      if (record === null) throw new VitrineError("config", "there is no run in the store to resume")
      return prepareClassifier(run, record, options, platformOf(data))
    },
  )
}

function platformOf(data: TrainOptions["data"]): ClassifierPlatform<ModelSource> {
  return {
    async openData({ seed }) {
      const { train, validation, test } = data === "shapes" ? drawings(seed) : data
      const name = data === "shapes" ? data : train.name
      return { name, origin: name, train, validation, test, passedOver: [] }
    },
    async openStart(source, hints) {
      const location = await locateModel(source)
      return { name: location.name, origin: undefined, model: await openModelAt(location, hints) }
    },
    openLoader: (dataset, plan) => createLoader({ ...plan, dataset }),
  }
}

/** The built-in drawings, as many as in Node. */
function drawings(seed: number): { readonly train: Dataset; readonly validation: Dataset; readonly test?: undefined } {
  return {
    train: shapes({ split: "train", size: 50_000, seed }),
    validation: shapes({ split: "val", size: 2_000, seed }),
  }
}
