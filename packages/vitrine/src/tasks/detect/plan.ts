import { backboneName, detectionObjective, detr, detrChannels, detrParameters } from "@vitrine/detection"
import { momentumChange, type RecipeChange, type RunPlan, waysOf } from "../../plan/fit.ts"
import type { PlanSubject } from "../../plan/subject.ts"
import type { TaskPlan } from "../task.ts"
import type { DetectionFacts, DetectionRecipe, ResolvedDetectionRecipe } from "./recipe-type.ts"
import { resolveDetectionRecipe } from "./recipe.ts"

/** COCO 2017. */
const coco: DetectionFacts = {
  examples: 118_287,
  classes: 80,
  imageSize: [480, 640],
  objects: 66,
  builtIn: false,
}

/** Trainings of detectors, to be planned. */
export const detectorPlan: TaskPlan = {
  subject: (recipe: ResolvedDetectionRecipe) => detectorSubject(recipe, recipe.augment.length > 0),
  withoutData: async (recipe: DetectionRecipe) => resolveDetectionRecipe(recipe, coco, 0),
  assumedData: "COCO 2017: 118,287 images of 80 classes",
}

/**
 * The training of a detector, to be planned.
 * @param padded whether some images are smaller than the model's input, so that attention needs masks
 */
export function detectorSubject(
  { config, imageSize, losses, batchSize, training }: ResolvedDetectionRecipe,
  padded: boolean = true,
): PlanSubject {
  const truth = (): never => {
    throw new RangeError("a plan reads no images")
  }
  const { rows, measure } = detectionObjective(config, { imageSize, padded, losses, truth })
  return {
    model: `DETR, ${backboneName(config.backbone)}, ${config.encoderDepth} + ${config.decoderDepth} layers of width ${config.dim}`,
    parameters: detrParameters(config),
    image: [...imageSize, detrChannels(config)],
    forward: (scope, images) => ({ ...detr(scope, images, config) }),
    objective: { rows },
    cuts: true,
    measure,
    batchSize,
    training,
  }
}

/** A training that is about to begin. */
export function detectorRun(recipe: ResolvedDetectionRecipe, padded: boolean): RunPlan {
  const subjectOf = (changed: ResolvedDetectionRecipe): PlanSubject => detectorSubject(changed, padded)
  return { subject: subjectOf(recipe), ways: () => waysOf(recipe, changesOf(recipe), subjectOf) }
}

/** Changes of a training that may take less memory, those that change the result least first. */
function changesOf({
  config,
  imageSize: [height, width],
  training,
}: ResolvedDetectionRecipe): readonly RecipeChange<ResolvedDetectionRecipe>[] {
  const halved = [height / 2, width / 2] as const
  return [
    ...(halved.every((side) => side % 32 === 0) && config.backbone.kind === "resnet"
      ? [{ kind: "images", flags: `--image-size ${halved.join("x")}`, change: { imageSize: halved } }]
      : []),
    ...momentumChange(training),
    ...(config.dim % (8 * config.heads) === 0
      ? [{ kind: "width", flags: `--dim ${config.dim / 2}`, change: { config: { ...config, dim: config.dim / 2 } } }]
      : []),
  ]
}
