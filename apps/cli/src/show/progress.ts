import { imageModel, isBiT, type ModelConfig } from "@vitrine/checkpoint"
import { parameterCount, tokenCount } from "@vitrine/core"
import { type Evaluation, type StepEvent, type TrainingOptions, warmupSteps } from "@vitrine/trainer"
import type { ChosenBackend, ResolvedRecipe, RunSetup, SetupEvent, TrainEvent } from "vitrine"
import { errorColors, note, self, statusLine } from "../output.ts"
import { count, duration, percent, printable, short } from "./text.ts"

/** What tells the user how a run goes. */
export interface Reporter<S, E extends object> {
  event(event: S | TrainEvent<E>, passedOver: ChosenBackend["passedOver"]): void
  /** The user wants the run to end. */
  stopping(): void
  close(): void
}

const { bold, dim, green, yellow, cyan } = errorColors

/** What a reporter says that depends on what is learned. */
export interface Told<S, E> {
  header(run: string, event: S): string
  /** A figure by which evaluations are compared, and what is said of one. */
  found(event: E): { readonly score: number; readonly text: string; readonly detail?: string }
}

export const classes: Told<SetupEvent, Evaluation> = {
  header,
  found: ({ top1, loss, examples }) => ({
    score: top1,
    text: `${percent(top1, 2)} right`,
    detail: `loss ${short(loss)} on ${count(examples)} validation images`,
  }),
}

/** A header, one line that moves (or, where nothing can move, a line now and then), and a line an evaluation. */
export function reporter<S extends RunSetup, E extends object>(run: string, told: Told<S, E>): Reporter<S, E> {
  const line = statusLine()
  let steps = 1
  let smooth: number | undefined
  let drawn = 0
  let lines = 0
  let stopping = false
  let best = -1
  const say = (text: string): void => {
    line.clear()
    note(text)
  }
  return {
    event(event, passedOver) {
      switch (event.type) {
        case "setup":
          say(told.header(run, event))
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
            line.update(`${progress(event, steps, smooth)}${stopping ? yellow("  saving …") : ""}`)
          } else if (event.step >= (lines * steps) / 10) {
            while (event.step >= (lines * steps) / 10) lines++
            say(progress(event, steps, smooth))
          }
          break
        }
        case "evaluation": {
          const { score, text, detail } = told.found(event)
          const better = score > best
          best = Math.max(best, score)
          say(
            `  step ${count(event.step).padStart(count(steps).length)}  ${better ? green(text) : text}${detail === undefined ? "" : `  ${dim(detail)}`}`,
          )
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
    stopping() {
      stopping = true
      say(yellow("Stopping after this step; once more to end at once."))
    },
    close: () => line.clear(),
  }
}

export const field = (name: string, text: string): string => `  ${dim(name.padEnd(8))} ${text}`

/** What is done, and which checkpoints could not be read. */
export function opening(run: string, { resumed, damaged }: RunSetup): string[] {
  return [
    bold(`${resumed === null ? "Training" : `Resuming at step ${count(resumed)}:`} ${run}`),
    ...damaged.map((message) => yellow(`  passed over a checkpoint: ${message}`)),
  ]
}

/** The data of a run on images with classes. */
export function imagesLine({
  data,
  examples,
  validation,
  classes,
}: RunSetup & { readonly classes: readonly string[] }): string {
  const images = `${count(examples)} images to train on, ${count(validation)} to validate`
  return field("data", `${printable(data)}: ${images}, ${classes.length} classes`)
}

function header(run: string, event: SetupEvent): string {
  const { recipe, from: origin, teacher } = event
  return [
    ...opening(run, event),
    field("model", describeModel(recipe.config)),
    ...(origin ? [field("from", `${printable(origin.model)}${origin.newHead ? ", with a new head" : ""}`)] : []),
    ...(origin?.notes ?? []).map((line) => field("", printable(line))),
    ...(teacher === null ? [] : [field("teacher", printable(teacher))]),
    imagesLine(event),
    field("recipe", describeRecipe(recipe)),
  ].join("\n")
}

function describeModel(config: ModelConfig): string {
  const by = (pair: readonly number[]): string => pair.join("×")
  const images = `${by(config.imageSize)}×${config.channels}`
  const parameters = `${count(parameterCount(imageModel(config).parameters))} parameters`
  if (isBiT(config)) {
    const { depths, widths } = config
    return `ResNet, ${depths.join("+")} blocks of width ${widths.join(", ")} · ${images} · ${parameters}`
  }
  const { patchSize, depth, dim, heads, stem } = config
  return (
    `ViT${stem === null ? "" : ` behind a ResNet of ${stem.depths.join("+") || "no"} blocks`}, depth ${depth}, width ${dim}, heads ${heads} · ${images} in patches of ${by(patchSize)}: ` +
    `${tokenCount(config)} tokens · ${parameters}`
  )
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

/** Length, optimizer and schedule of a run, and what else there is to say of it. */
export function trainingLine(
  { steps, accumulate, optimizer, learningRate, schedule, ema }: TrainingOptions,
  batchSize: number,
  what: string,
  more: readonly string[] = [],
): string {
  const warmup = warmupSteps(schedule, steps)
  const extras = [...more, ...(ema === null ? [] : [`EMA ${ema}`])]
  const parts = [
    `${count(steps)} steps of ${accumulate === 1 ? "" : `${accumulate} × `}${batchSize} ${what}`,
    `${optimizer.name} at ${short(learningRate)}, ${schedule.decay}${warmup > 0 ? ` after ${count(warmup)} steps of warm-up` : ""}`,
    ...(extras.length === 0 ? [] : [extras.join(", ")]),
  ]
  return parts.join(" · ")
}

const cells = 20

function progress({ step, epoch, learningRate, imagesPerSecond, eta }: StepEvent, steps: number, loss: number): string {
  const full = Math.round((cells * step) / steps)
  const bar = green("━".repeat(full)) + dim("━".repeat(cells - full))
  const figures = [
    `${count(step)}/${count(steps)}`,
    `epoch ${epoch.toFixed(1)}`,
    `loss ${loss.toFixed(3)}`,
    `lr ${learningRate.toExponential(1)}`,
    `${count(imagesPerSecond)} images/s`,
    `${duration(eta)} left`,
  ]
  return `${process.stderr.isTTY ? `  ${bar} ` : "  step "}${figures.join(dim(" · "))}`
}
