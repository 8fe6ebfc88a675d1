import { parameterCount } from "@vitrine/core"
import {
  type AveragePrecision,
  backboneName,
  type DetectionEvaluation,
  type DetrConfig,
  detrParameters,
  type Faults,
} from "@vitrine/detection"
import type { DetectionSetupEvent, DetectorEvaluation } from "vitrine"
import { colors, errorColors } from "../../output.ts"
import { field, imagesLine, opening, type RunTexts, trainingLine } from "../../show/progress.ts"
import { count, percent, printable, table } from "../../show/text.ts"

export const texts: RunTexts<DetectionSetupEvent, DetectionEvaluation> = {
  header,
  evaluation: (event) => ({ score: event.ap, text: precisionLine(event) }),
}

function header(run: string, event: DetectionSetupEvent): string {
  const { recipe, faults, from } = event
  const { training, batchSize, config, imageSize } = recipe
  return [
    ...opening(run, event),
    field("model", describeDetector(config, imageSize)),
    ...(from === null ? [] : [field("from", printable(from))]),
    imagesLine(event),
    ...faultLines(faults).map((line) => field("", errorColors.yellow(line))),
    field("recipe", trainingLine(training, batchSize, "images")),
  ].join("\n")
}

function describeDetector(config: DetrConfig, imageSize: readonly [number, number]): string {
  const { backbone, encoderDepth, decoderDepth, dim: width, heads, queries } = config
  return (
    `DETR on a ${backboneName(backbone)}, depth ${encoderDepth} + ${decoderDepth}, width ${width}, heads ${heads}, ${queries} queries · ` +
    `${imageSize.join("×")} · ${count(parameterCount(detrParameters(config)))} parameters`
  )
}

/** The first five faults of annotation files, and the number of further ones. */
export function faultLines({ count: all, lines }: Faults): string[] {
  const first = lines.slice(0, 5).map(printable)
  return all > first.length ? [...first, `and ${count(all - first.length)} more`] : first
}

/** The average precision of a detector as one line. */
export function precisionLine({ ap, ap50, ap75, examples }: PrecisionSummary): string {
  const value = (x: number): string => (x < 0 ? "none" : x.toFixed(3))
  return `AP ${value(ap)}, AP50 ${value(ap50)}, AP75 ${value(ap75)} on ${count(examples)} images`
}

type PrecisionSummary = Pick<DetectionEvaluation, "ap" | "ap50" | "ap75" | "examples">

type Measure = Exclude<keyof AveragePrecision, "classes">

/** COCO's measures in the order of COCO's tools, with their names. */
const measures: readonly (readonly [name: string, measure: Measure])[] = [
  ["AP, overlaps 0.50 … 0.95", "ap"],
  ["AP50", "ap50"],
  ["AP75", "ap75"],
  ["AP of small objects (under 32²)", "apSmall"],
  ["AP of medium ones (under 96²)", "apMedium"],
  ["AP of large ones", "apLarge"],
  ["recall, 1 object an image and class", "ar1"],
  ["recall, 10", "ar10"],
  ["recall, 100", "ar100"],
  ["recall of small objects", "arSmall"],
  ["recall of medium ones", "arMedium"],
  ["recall of large ones", "arLarge"],
]

/** A table of COCO's measures, and one of the classes. */
export function evaluationTable(result: DetectorEvaluation): string {
  const { bold: strong } = colors
  const value = (x: number): string => (x < 0 ? "–" : percent(x, 1))
  const precision = measures.map(([name, measure]) => [name, value(result[measure])])
  const classes = result.classes.slice(0, 100).map(({ label, ap }) => [printable(label), value(ap)])
  return [
    strong(`${precisionLine(result)} (${result.split}) of ${printable(result.data)}`),
    table(precision, [1]),
    "",
    table([["class", "AP"], ...classes], [1]),
  ].join("\n")
}
