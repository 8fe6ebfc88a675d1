import {
  checkDetectionRecipe,
  type DetectionRecipe,
  detectionSchedule,
  trainDetector,
  type TrainDetectorOptions,
} from "vitrine"
import type { Flags, Values } from "../../flags/flag.ts"
import { modelFlags, type TrainValues } from "../../flags/train.ts"
import { integerValue } from "../../flags/values.ts"
import { localModel } from "../../hub.ts"
import { defined, overrideTraining, recipeFields } from "../../recipes/overrides.ts"
import type { Ending } from "../../show/result.ts"
import { defineTraining } from "../../training.ts"
import { annotationFlags } from "./flags.ts"
import { precisionLine, texts } from "./texts.ts"

const { from, imageSize, heads, dim, mlpDim, dropout, workers, mean, std } = modelFlags
const group = "Detection (--task detect):"

const flags = {
  from,
  imageSize,
  heads,
  dim,
  mlpDim,
  dropout,
  workers,
  mean,
  std,
  ...annotationFlags,
  queries: {
    group,
    value: "<n>",
    help: "the most objects that are found; default: 16, or as the data need",
    parse: integerValue(1),
  },
  encoderDepth: { group, value: "<n>", help: "layers that look at the image; default: 2", parse: integerValue(1) },
  decoderDepth: { group, value: "<n>", help: "layers that look for objects; default: 2", parse: integerValue(1) },
} as const satisfies Flags

type DetectValues = TrainValues & Values<typeof flags>

const ending: Ending = {
  summary: (_, metrics) => {
    const last = metrics.findLast(({ type }) => type === "evaluation")
    if (last === undefined) return "No validation images, so no AP."
    const value = (name: string): number => (typeof last[name] === "number" ? last[name] : -1)
    return precisionLine({ ap: value("ap"), ap50: value("ap50"), ap75: value("ap75"), examples: value("examples") })
  },
  model: () => "with config.json",
  next: (run, { curve }) => [
    ...(curve.evaluations.length > 0 ? [`eval --model ${run}`] : []),
    `detect ${run} IMAGE … -o pictures`,
    `inspect ${run} IMAGE …`,
  ],
}

export const trainPart = defineTraining({
  objectives: { detect: "objects and their boxes" },
  flags,
  builtIn: "scenes",
  train: trainDetector,
  texts,
  ending,
  async options(values: DetectValues, recipe): Promise<TrainDetectorOptions> {
    const { from, annotations: format, workers } = values
    const fields = recipeFields(recipe, "detect", values.recipe)
    checkDetectionRecipe(fields)
    return {
      from: from === undefined ? undefined : (await localModel(from)).path,
      format,
      workers,
      recipe: overrideRecipe(fields, values),
    }
  },
})

function overrideRecipe({ model, ...recipe }: DetectionRecipe, flags: DetectValues): DetectionRecipe {
  const { heads, dim, mlpDim, dropout, queries, encoderDepth, decoderDepth, imageSize, mean, std } = flags
  const fields = defined({ heads, dim, mlpDim, dropout, queries, encoderDepth, decoderDepth })
  return {
    ...overrideTraining(recipe, flags, recipe.schedule ?? detectionSchedule),
    ...defined({ imageSize, mean, std }),
    ...(model === undefined && Object.keys(fields).length === 0 ? {} : { model: { ...model, ...fields } }),
  }
}
