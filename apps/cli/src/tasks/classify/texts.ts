import { join } from "node:path"
import { beyondTimm, familyOf, imageModel, type ModelConfig, storedConfig, taskRecord } from "@vitrine/checkpoint"
import { readJson } from "@vitrine/checkpoint/node"
import { parameterCount, VitrineError } from "@vitrine/core"
import { isHead, parameterGroups } from "@vitrine/trainer"
import type { ClassifierEvaluation, ResolvedRecipe, SetupEvent } from "vitrine"
import { errorColors } from "../../output.ts"
import { photographModel } from "../../shipped.ts"
import {
  fewValidation,
  field,
  isFewValidation,
  imagesLine,
  opening,
  type RunTexts,
  trainingLine,
} from "../../show/progress.ts"
import { unlearnedLine } from "./guessing.ts"
import { passedOverText } from "../../show/passed-over.ts"
import { bestAndLast, type Ending, lastScore } from "../../show/result.ts"
import { count, percent, printable, quoted, short } from "../../show/text.ts"

export const texts: RunTexts<SetupEvent, ClassifierEvaluation> = {
  header,
  evaluation(event) {
    const { loss, examples, split } = event
    const detail = `loss ${short(loss)} on ${count(examples)} ${split ?? "validation"} images`
    if ("top1" in event) return { score: event.top1, text: `${percent(event.top1, 2)} right`, detail }
    const { ap, microF1 } = event
    return { score: ap ?? 0, text: `AP ${share(ap)}`, detail: `F1 ${share(microF1)}, ${detail}` }
  },
}

const share = (value: number | null): string => (value === null ? "–" : percent(value, 2))

function header(run: string, event: SetupEvent): string {
  const { recipe, from: origin, teacher, passedOver, dataNotes } = event
  return [
    ...opening(run, event),
    field("model", describeModel(recipe.config)),
    ...(origin === null && event.resumed === null ? [field("", "starts at random: it has learned nothing yet")] : []),
    ...(origin ? [field("from", `${printable(origin.model)}${origin.newHead ? ", with a new head" : ""}`)] : []),
    ...(origin?.positionsFrom
      ? [
          field(
            "",
            `positions resized from images of ${origin.positionsFrom.join("×")} to ${recipe.config.imageSize.join("×")}`,
          ),
        ]
      : []),
    ...(isHeadFrozen(event) ? [field("", errorColors.yellow(frozenHead(event)))] : []),
    ...(origin?.notes ?? []).map((line) => field("", printable(line))),
    ...(teacher === null ? [] : [field("teacher", printable(teacher))]),
    imagesLine(event),
    ...(recipe.best === "last" ? [] : fewValidation(event, "images", "publish the last model (--best last)")),
    ...(recipe.best === "last" ? lastOfFew(event) : []),
    ...(event.validation === 0 && event.test > 0 && recipe.best === "last"
      ? [field("", "test images choose no model: the last one is published (else: --val-fraction, --best)")]
      : []),
    ...dataNotes.map((line) => field("", printable(line))),
    ...classesLine(event),
    ...(passedOver.length === 0 ? [] : [field("", errorColors.yellow(passedOverText(passedOver)))]),
    field("recipe", describeRecipe(recipe)),
  ].join("\n")
}

/** Says that the validation images are too few to choose the best model. */
function lastOfFew({ validation, resumed }: SetupEvent): string[] {
  if (!isFewValidation(validation) || resumed !== null) return []
  const text = `${count(validation)} validation images are too few to tell which model is the best: the last one is published (else: --best, or more by --val-fraction)`
  return [field("", text)]
}

/** The largest number of classes that the header names. */
const maxNames = 20

/** The first classes with their numbers of training images. If there are more, the range of the numbers follows. */
function classesLine({ classes, classCounts }: SetupEvent): string[] {
  const rows = classes.map((label, i) => ({ label: printable(label), images: classCounts[i] ?? 0 }))
  if (rows.length === 0) return []
  const names = rows.slice(0, maxNames).map(({ label, images }) => `${label} ${count(images)}`)
  const sorted = [...rows].sort((a, b) => a.images - b.images)
  const [least, most] = [sorted.at(0), sorted.at(-1)]
  const rest =
    rows.length > maxNames && least !== undefined && most !== undefined
      ? `, … ${count(rows.length - maxNames)} more; from ${count(least.images)} (${least.label}) to ${count(most.images)} (${most.label}) images`
      : ""
  return [field("classes", `${names.join(", ")}${rest}`)]
}

/** Whether the head is new and frozen, so that it never learns. */
function isHeadFrozen({ recipe: { config, training }, from, resumed }: SetupEvent): boolean {
  if (resumed !== null || (from !== null && !from.newHead)) return false
  const groups = parameterGroups(imageModel(config).parameters, training)
  return config.classes > 0 && !groups.some(({ parameters }) => parameters.some(({ name }) => isHead(name)))
}

const frozenHead = ({ from }: SetupEvent): string =>
  `the head is frozen, but it is new${from === null ? "" : " and starts at 0"}: the model will not learn to tell the classes apart; leave it out of --freeze`

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
  async doubts(run, metrics) {
    const { json, record } = await storedRun(run)
    const { task = "classify", distillation = null, training }: StoredRecipe = Object(record.recipe)
    const { loss }: { readonly loss?: unknown } = Object(training)
    const classes = Number(Object(json).num_classes)
    return unlearnedLine(metrics, { classes, task, loss, distils: distillation !== null })
  },
  async model(run) {
    const { file, json, record } = await storedRun(run)
    const features = await beyondTimm(storedConfig(record.model, "vitrine.model", json, file))
    return features.length === 0
      ? "as timm loads it (with config.json)"
      : `with config.json; timm does not have ${features.join(" and ")}`
  },
  async next(run, { path, curve }) {
    const { json, record } = await storedRun(path)
    // A model that learned from masked patches has no classes. A new head gives it some.
    if (Object(json).num_classes === 0)
      return [`train --from ${run} --data FOLDER`, `probe --model ${run} --data FOLDER`]
    const data = quoted(String(record.data))
    const isFew = record.from === undefined && data !== "shapes" && Number(record.examples) < 5000
    return [
      ...(curve.evaluations.length > 0 ? [`eval --model ${run}`] : []),
      `predict --model ${run} IMAGE …`,
      `inspect ${run} IMAGE …`,
      ...(isFew
        ? [`probe --model ${photographModel} --data ${data}`, `train --data ${data} --from ${startModel}`]
        : []),
    ]
  },
}

/** A small model that was trained on many images. With few images, a run that starts from it is more accurate. */
const startModel = "hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"

interface StoredRecipe {
  readonly task?: unknown
  readonly distillation?: unknown
  readonly training?: unknown
}

/** Reads the files of a run. It checks them, because another program can change the run's folder during training. */
async function storedRun(run: string) {
  const file = join(run, "config.json")
  const json = await readJson(file)
  const record = taskRecord(json, "classify")
  if (record === null) throw new VitrineError("file", `${file}: no longer says how the model was trained`)
  return { file, json, record }
}
