import { type DetrConfig, detrParameters } from "@vitrine/detection"
import { parameterCount } from "@vitrine/core"
import type { AveragePrecision, DetectionEvaluation, Faults } from "@vitrine/detection"
import type { TrainEvent } from "@vitrine/trainer"
import type { ChosenBackend, DetectionSetupEvent, DetectorEvaluation } from "vitrine"
import { colors, errorColors, note, self, statusLine } from "../output.ts"
import { field, progress } from "./progress.ts"
import { count, duration, percent, printable, short, table } from "./text.ts"

const { bold, cyan, dim, green, yellow } = errorColors

/** What tells the user how the training of a detector goes. */
export interface DetectionReporter {
  event(event: DetectionSetupEvent | TrainEvent<DetectionEvaluation>, passedOver: ChosenBackend["passedOver"]): void
  stopping(): void
  close(): void
}

/** A header, one line that moves (or, where nothing can move, a line now and then), and a line an evaluation. */
export function detectionReporter(run: string): DetectionReporter {
  const line = statusLine()
  let steps = 1
  let smooth: number | undefined
  let drawn = 0
  let lines = 0
  let best = -1
  const say = (text: string): void => {
    line.clear()
    note(text)
  }
  return {
    event(event, passedOver) {
      switch (event.type) {
        case "setup":
          say(header(run, event))
          break
        case "start":
          steps = event.steps
          say(field("backend", `${event.backend} · ${event.device}`))
          for (const { name, reason } of passedOver) say(field("", dim(`${name} passed over: ${reason}`)))
          say("")
          break
        case "step": {
          smooth = smooth === undefined ? event.loss : 0.95 * smooth + 0.05 * event.loss
          const now = performance.now()
          if (process.stderr.isTTY) {
            if (now - drawn < 100) break
            drawn = now
            line.update(progress(event, steps, smooth))
          } else if (event.step >= (lines * steps) / 10) {
            while (event.step >= (lines * steps) / 10) lines++
            say(progress(event, steps, smooth))
          }
          break
        }
        case "evaluation": {
          const better = event.ap > best
          best = Math.max(best, event.ap)
          const figures = figureLine(event)
          say(`  step ${count(event.step).padStart(count(steps).length)}  ${better ? green(figures) : figures}`)
          break
        }
        case "checkpoint":
          break
        case "end":
          line.clear()
          if (event.finished) note(dim(`  ${duration(event.seconds)} for ${count(event.step)} steps`))
          else
            note(
              `${yellow("Stopped")} after step ${count(event.step)} and saved. Go on with:\n  ${cyan(`${self} train --resume ${run}`)}`,
            )
      }
    },
    stopping: () => say(yellow("Stopping after this step; once more to end at once.")),
    close: () => line.clear(),
  }
}

function header(run: string, event: DetectionSetupEvent): string {
  const { recipe, data, examples, validation, classes, resumed, damaged, faults, from } = event
  const { training, batchSize, config, imageSize } = recipe
  const title = resumed === null ? "Training" : `Resuming at step ${count(resumed)}:`
  return [
    bold(`${title} ${run}`),
    ...damaged.map((message) => yellow(`  passed over a checkpoint: ${message}`)),
    field("model", describeDetector(config, imageSize)),
    ...(from === null ? [] : [field("from", printable(from))]),
    field(
      "data",
      `${printable(data)}: ${count(examples)} images to train on, ${count(validation)} to validate, ${classes.length} classes`,
    ),
    ...faultLines(faults).map((line) => field("", yellow(line))),
    field(
      "recipe",
      `${count(training.steps)} steps of ${training.accumulate === 1 ? "" : `${training.accumulate} × `}${batchSize} images · ` +
        `${training.optimizer.name} at ${short(training.learningRate)}, ${training.schedule.decay}`,
    ),
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
