import type { DetectionEvaluation } from "@vitrine/detection"
import { type DetectionRecipe, detectionSchedule, type Recipe, type RecipeRule, trainDetector } from "vitrine"
import { refuse } from "../errors.ts"
import { localModel } from "../hub.ts"
import { given, plainRecipe, trainingWithFlags } from "../recipes.ts"
import { detection, figureLine } from "../show/detection.ts"
import type { Ending } from "../show/result.ts"
import { checkNew, type TrainFlags } from "../train-options.ts"
import { trainWithProgress, resumption } from "../training.ts"

/** Flags of `train` that say nothing to a detector. */
const ofClassifiers: readonly (keyof TrainFlags)[] = [
  ...(["classes", "perClass", "model", "patchSize", "depth", "pool", "positions", "activation"] as const),
  ...(["stochasticDepth", "init", "ema", "layerDecay", "distillFrom", "distillation", "distillationAlpha"] as const),
  ...(["distillationTau", "labelSmoothing", "mixup", "cutmix", "widths", "depths", "stemWidth", "groups"] as const),
]

/**
 * Trains a detector as the flags and the recipe say; gives the exit code.
 * @param base what the flags override; undefined for a run that is resumed.
 */
export async function trainToDetect(flags: TrainFlags, run: string, base?: Recipe | RecipeRule): Promise<number> {
  refuse(flags, ofClassifiers, "is not for --task detect")
  const task = { train: trainDetector, told: detection, ending }
  if (base === undefined) return trainWithProgress(task, resumption(flags), run, flags)
  checkNew(flags, "train --task detect needs --data PATH (or --data scenes)")
  const { data, annotations: format, seed, workers, valFraction, keepLast, checkpointEvery } = flags
  const recipe = recipeWithFlags(plainRecipe(base, flags, "detect"), flags)
  const from = flags.from === undefined ? undefined : (await localModel(flags.from)).path
  const chosen = { data, format, from, recipe, seed, valFraction }
  return trainWithProgress(task, { ...chosen, out: run, workers, keepLast, checkpointEvery }, run, flags)
}

function recipeWithFlags({ model, ...own }: DetectionRecipe, flags: TrainFlags): DetectionRecipe {
  const { heads, dim, mlpDim, dropout, queries, encoderDepth, decoderDepth, imageSize } = flags
  const fields = given({ heads, dim, mlpDim, dropout, queries, encoderDepth, decoderDepth })
  return {
    ...trainingWithFlags(own, flags, own.schedule ?? detectionSchedule),
    ...given({ imageSize }),
    ...(model === undefined && Object.keys(fields).length === 0 ? {} : { model: { ...model, ...fields } }),
  }
}

const ending: Ending = {
  summary: (_, metrics) => {
    const last = metrics.findLast(({ type }) => type === "evaluation")
    return last ? figureLine(last as unknown as DetectionEvaluation) : "No validation images, so no AP."
  },
  model: "the best model (with config.json)",
  next: (run) => [`eval --model ${run}`, `detect ${run} IMAGE … -o pictures`],
}
