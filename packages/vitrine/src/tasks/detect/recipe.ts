import { VitrineError } from "@vitrine/core"
import { detectionLossDefaults, detectionTraining, type DetrConfig, detrConfig } from "@vitrine/detection"
import { resnetConfig } from "@vitrine/resnet"
import { type Schedule, type TrainingOptions, trainingOptions } from "@vitrine/trainer"
import { inField } from "../../in-field.ts"
import { cutBatchSize, stepsOf } from "../../order.ts"
import { optionsIn } from "../../training-schema.ts"
import { checkDetectionRecipe } from "./schema.ts"
import type { DetectionRecipe, ResolvedDetectionRecipe, DetectionFacts } from "./recipe-type.ts"

/** Images up to this side keep their size. Larger ones are resized to it. */
const largestSide = 160

/**
 * Completes a recipe with facts of the data and with defaults, which are those of a small detector that starts at
 * random.
 * @throws VitrineError (config) for a field that is unknown or has no possible value
 */
export function resolveDetectionRecipe(
  recipe: DetectionRecipe,
  data: DetectionFacts,
  seed: number,
): ResolvedDetectionRecipe {
  checkDetectionRecipe(recipe)
  const { model = {}, imageSize = fittedSize(data.imageSize), steps: updates, epochs, ...rest } = recipe
  const {
    augment = data.builtIn ? [] : detectionTraining(imageSize),
    losses,
    evaluateEvery,
    mean = [0.5, 0.5, 0.5],
    std = [0.25, 0.25, 0.25],
  } = rest
  const batchSize = cutBatchSize(recipe, Math.max(1, Math.min(32, data.examples)))
  if (data.examples < batchSize)
    throw new VitrineError(
      "config",
      `recipe: batchSize: a batch of ${batchSize} needs more than the ${data.examples} training images; lower it (--batch-size)`,
    )
  if (updates !== undefined && epochs !== undefined)
    throw new VitrineError("config", "recipe: give steps or epochs, not both")
  const batches = Math.floor(data.examples / batchSize)
  const perEpoch = Math.max(1, Math.floor(batches / (recipe.accumulate ?? 1)))
  const steps = updates ?? (epochs === undefined ? defaultSteps : stepsOf(epochs, batches, recipe.accumulate))
  const options = { ...trainingDefaults, ...optionsIn(recipe), steps, seed }
  const training = inField("recipe", "", () => trainingOptions(options))
  if (model.classes !== undefined && model.classes !== data.classes)
    throw new VitrineError("config", `recipe: the model has ${model.classes} classes, the data ${data.classes}`)
  const queries = Math.max(16, Math.ceil(1.5 * data.objects))
  const fields = { ...smallModel, queries, ...model, classes: data.classes }
  return {
    config: inField("recipe", "model", () => detrConfig(fields)),
    imageSize,
    batchSize,
    augment,
    losses: { ...detectionLossDefaults, ...losses },
    mean,
    std,
    evaluateEvery: evaluateEvery ?? Math.max(Math.min(perEpoch, steps), Math.ceil(steps / 10)),
    training,
  }
}

const defaultSteps = 4500

/**
 * DETR's schedule. Its rate falls late, since a detector predicts average boxes for a while and learns for long after
 * that.
 */
export const detectionSchedule: Schedule = { decay: "step", warmup: 0.02, final: 0.1, drop: 0.85 }

const trainingDefaults: Partial<TrainingOptions> = {
  learningRate: 5e-4,
  weightDecay: 1e-4,
  clip: 0.1,
  schedule: detectionSchedule,
}

/**
 * Features every 8 pixels. Norms stand after the sums, as in DETR. With norms before them, small detectors predict
 * average boxes.
 */
const smallModel: Partial<DetrConfig> = {
  backbone: {
    kind: "resnet",
    config: resnetConfig({ block: "basic", stemWidth: 24, widths: [48, 64], depths: [1, 1], norm: "group" }),
  },
  dim: 64,
  heads: 4,
  encoderDepth: 2,
  decoderDepth: 2,
  mlpDim: 128,
  dropout: 0,
}

/** The size of the first image in whole cells of 8 pixels. It is reduced if a side is longer than `largestSide`. */
function fittedSize([height, width]: readonly [number, number]): readonly [number, number] {
  const factor = Math.min(1, largestSide / Math.max(height, width))
  const side = (length: number): number => Math.max(8, 8 * Math.round((length * factor) / 8))
  return [side(height), side(width)]
}
