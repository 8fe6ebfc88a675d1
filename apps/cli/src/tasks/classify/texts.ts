import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { familyOf, imageModel, type ModelConfig } from "@vitrine/checkpoint"
import { parameterCount } from "@vitrine/core"
import type { Evaluation } from "@vitrine/trainer"
import type { ResolvedRecipe, SetupEvent } from "vitrine"
import { errorColors } from "../../output.ts"
import { fewValidation, field, imagesLine, opening, type RunTexts, trainingLine } from "../../show/progress.ts"
import { passedOverText } from "../../show/passed-over.ts"
import { bestAndLast, type Ending, lastScore } from "../../show/result.ts"
import { count, percent, printable, short } from "../../show/text.ts"

export const texts: RunTexts<SetupEvent, Evaluation> = {
  header,
  evaluation: ({ top1, loss, examples, split }) => ({
    score: top1,
    text: `${percent(top1, 2)} right`,
    detail: `loss ${short(loss)} on ${count(examples)} ${split ?? "validation"} images`,
  }),
}

function header(run: string, event: SetupEvent): string {
  const { recipe, from: origin, teacher, passedOver, dataNotes } = event
  return [
    ...opening(run, event),
    field("model", describeModel(recipe.config)),
    ...(origin ? [field("from", `${printable(origin.model)}${origin.newHead ? ", with a new head" : ""}`)] : []),
    ...(origin?.notes ?? []).map((line) => field("", printable(line))),
    ...(teacher === null ? [] : [field("teacher", printable(teacher))]),
    imagesLine(event),
    ...(recipe.best === "last" ? [] : fewValidation(event, "images", "publish the last model (--best last)")),
    ...(event.validation === 0 && event.test > 0 && recipe.best === "last"
      ? [field("", "test images choose no model: the last one is published (else: --val-fraction, --best)")]
      : []),
    ...dataNotes.map((line) => field("", printable(line))),
    ...classesLine(event),
    ...(passedOver.length === 0 ? [] : [field("", errorColors.yellow(passedOverText(passedOver)))]),
    field("recipe", describeRecipe(recipe)),
  ].join("\n")
}

/** The classes with their numbers of training images, as far as they fit into two lines or so. */
function classesLine({ classes, classCounts }: SetupEvent): string[] {
  const most = 20
  const names = classes.slice(0, most).map((name, i) => `${printable(name)} ${count(classCounts[i] ?? 0)}`)
  return names.length === 0 ? [] : [field("classes", `${names.join(", ")}${classes.length > most ? ", …" : ""}`)]
}

function describeModel(config: ModelConfig): string {
  const { structure, input } = familyOf(config).describe(config)
  const images = `${config.imageSize.join("×")}×${config.channels}${input === "" ? "" : ` ${input}`}`
  return `${structure} · ${images} · ${count(parameterCount(imageModel(config).parameters))} parameters`
}

function describeRecipe({
  training,
  batchSize,
  augment,
  augmentNormalized,
  mix,
  labelSmoothing,
  task,
  distillation,
}: ResolvedRecipe): string {
  const extras = [
    ...[...augment, ...augmentNormalized].map(({ op }) => op),
    ...(mix?.mixup ? ["mixup"] : []),
    ...(mix?.cutmix ? ["CutMix"] : []),
    ...(task === "classify" ? [] : [task]),
    ...(distillation === null ? [] : [`${distillation.kind} distillation, alpha ${distillation.alpha}`]),
    ...(labelSmoothing > 0 ? [`smoothing ${labelSmoothing}`] : []),
  ]
  return trainingLine(training, batchSize, "images", extras)
}

export const ending: Ending = {
  summary: (curve) =>
    curve.split === "test"
      ? (lastScore(curve, "Accuracy on the test images") ?? "")
      : (bestAndLast(curve, "Accuracy on the validation images") ?? "No validation images, so no accuracy."),
  model: "as timm loads it (with config.json)",
  next: async (run) =>
    (await hasClasses(run))
      ? [`eval --model ${run}`, `predict --model ${run} IMAGE …`]
      : [`train --from ${run} --data FOLDER`, `probe --model ${run} --data FOLDER`],
}

/** Whether a model tells classes apart. One that learned from masked patches does not. */
async function hasClasses(run: string): Promise<boolean> {
  const config: { num_classes?: number } = JSON.parse(await readFile(join(run, "config.json"), "utf8"))
  return config.num_classes !== 0
}
