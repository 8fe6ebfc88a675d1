import { type DetrConfig, detrParameters } from "@vitrine/detection"
import { parameterCount } from "@vitrine/core"
import type { AveragePrecision, DetectionEvaluation, Faults } from "@vitrine/detection"
import type { DetectionSetupEvent, DetectorEvaluation } from "vitrine"
import { colors, errorColors } from "../output.ts"
import { field, imagesLine, opening, type RunTexts, trainingLine } from "./progress.ts"
import { count, percent, printable, table } from "./text.ts"

/** What the texts of a run say of a detector. */
export const detection: RunTexts<DetectionSetupEvent, DetectionEvaluation> = {
  header,
  evaluation: (event) => ({ score: event.ap, text: figureLine(event) }),
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
    `DETR on a ${backbone.kind === "vit" ? "ViT" : "ResNet"}, depth ${encoderDepth} + ${decoderDepth}, width ${width}, heads ${heads}, ${queries} queries · ` +
    `${imageSize.join("×")} · ${count(parameterCount(detrParameters(config)))} parameters`
  )
}

/** What was passed over in annotation files: the first of it by name. */
export function faultLines({ count: all, lines }: Faults): string[] {
  const shown = lines.slice(0, 5).map(printable)
  return all > shown.length ? [...shown, `and ${count(all - shown.length)} more`] : shown
}

/** AP in a line. */
export function figureLine({
  ap,
  ap50,
  ap75,
  examples,
}: Pick<DetectionEvaluation, "ap" | "ap50" | "ap75" | "examples">): string {
  const value = (x: number): string => (x < 0 ? "none" : x.toFixed(3))
  return `AP ${value(ap)}, AP50 ${value(ap50)}, AP75 ${value(ap75)} on ${count(examples)} images`
}

/** COCO's figures as its own tools list them, and each class. */
export function evaluationTable(result: DetectorEvaluation): string {
  const { bold: strong } = colors
  const value = (x: number): string => (x < 0 ? "–" : percent(x, 1))
  const rows = (names: readonly (readonly [label: string, figure: keyof AveragePrecision])[]): string[][] =>
    names.map(([label, figure]) => [label, value(result[figure as keyof DetectorEvaluation] as number)])
  const precision = rows([
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
  ])
  const classes = result.classes.slice(0, 100).map(({ label, ap }) => [printable(label), value(ap)])
  return [
    strong(`${figureLine(result)} (${result.split}) of ${printable(result.data)}`),
    table(precision, [1]),
    "",
    table([["class", "AP"], ...classes], [1]),
  ].join("\n")
}
