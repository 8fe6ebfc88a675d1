import { existsSync } from "node:fs"
import { type ObjectiveName, train as trainClassifier, type TrainOptions } from "vitrine"
import { UsageError } from "../../errors.ts"
import { localModel } from "../../hub.ts"
import { isBuiltIn } from "../../recipes/load.ts"
import { defineTraining } from "../../training.ts"
import { overrideRecipe } from "./recipe.ts"
import { ending, texts } from "./texts.ts"
import { type ClassifyValues, flags } from "./train-flags.ts"

const objectives: Readonly<Record<ObjectiveName, string>> = {
  classify: "classes of images",
  "multi-label": "several labels of an image, each by a probability of its own",
  "masked-patch": "colours of masked patches, without labels",
}

export const trainPart = defineTraining({
  objectives,
  flags,
  builtIn: "shapes",
  train: trainClassifier,
  texts,
  ending,
  async options(values: ClassifyValues, recipe): Promise<TrainOptions> {
    const { from, arch: architecture, distillFrom, workers, classes, perClass, fileColumn, labelColumn } = values
    const { split, order, strict, model } = values
    if (model !== undefined && (model.startsWith("hf:") || existsSync(model)))
      throw new UsageError(
        `--model ${model}: is a trained model, and train's --model is an architecture, such as Ti/16: start from its weights with --from ${model}`,
      )
    return {
      from: from === undefined ? undefined : (await localModel(from)).name,
      architecture,
      distillFrom: distillFrom === undefined ? undefined : (await localModel(distillFrom)).name,
      workers,
      classes,
      perClass,
      fileColumn,
      trainSplit: split,
      order,
      strict,
      labelColumns: labelColumn,
      recipe: overrideRecipe(recipe, values),
      // Whoever names a built-in recipe has not chosen its batch.
      lowersBatch: values.recipe !== undefined && isBuiltIn(values.recipe) && values.batchSize === undefined,
    }
  },
})
