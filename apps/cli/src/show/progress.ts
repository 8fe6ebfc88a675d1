import type { Split, SplitNames } from "@vitrine/data"
import {
  type EvaluationEvent,
  type StartEvent,
  startShare,
  type StepEvent,
  type TrainingOptions,
  warmupSteps,
} from "@vitrine/trainer"
import type { ChosenBackend, RunSetup, TrainEvent } from "vitrine"
import { hasGpu } from "../gpu.ts"
import { currentIo, errorColors, note, self, statusLine } from "../output.ts"
import { count, duration, percent, printable, quoted, short } from "./text.ts"

/** The number of last steps whose mean loss is shown. */
const meanSteps = 50

/** Shows the progress of a run. */
export interface Reporter<S, E extends object> {
  event(event: S | TrainEvent<E>, passedOver: ChosenBackend["passedOver"]): void
  /** Reports that the run ends after this step. */
  stopping(): void
  close(): void
}

const { bold, dim, green, yellow, cyan } = errorColors

/** The texts of a run that depend on its task. */
export interface RunTexts<S, E extends object> {
  header(run: string, event: S): string
  evaluation(event: EvaluationEvent<E>): EvaluationText
}

export interface EvaluationText {
  /** The score by which evaluations are compared. */
  readonly score: number
  readonly text: string
  readonly detail?: string
}

/**
 * Shows a header, a status line and a line for each evaluation. If standard error is no terminal, ten lines replace the
 * status line.
 */
export function reporter<S extends RunSetup, E extends object>(run: string, texts: RunTexts<S, E>): Reporter<S, E> {
  const line = statusLine()
  const terminal = currentIo().stderr.isTTY === true
  let steps = 1
  const losses: number[] = []
  let frozenNames: readonly string[] = []
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
          say(texts.header(run, event))
          for (const text of doubts(event.recipe.training)) say(field("", yellow(text)))
          frozenNames = event.recipe.training.freeze
          break
        case "start":
          steps = event.steps
          say(field("backend", `${event.backend} · ${printable(event.device)}`))
          for (const { name, reason } of hasGpu() ? passedOver : passedOver.filter(({ name }) => name !== "webgpu"))
            say(field("", dim(`${name} passed over: ${printable(reason)}`)))
          say(field("learns", learningLine(event, frozenNames)))
          say(field("loss", dim(`shown as the mean of the last ${meanSteps} steps`)))
          say("")
          break
        case "step": {
          losses.push(event.loss)
          if (losses.length > meanSteps) losses.shift()
          const loss = losses.reduce((a, b) => a + b, 0) / losses.length
          const now = performance.now()
          if (terminal) {
            if (now - drawn < 100) break
            drawn = now
            line.update(
              `${bar(event.step, steps)}${figures(event, steps, loss)}${stopping ? yellow("  saving …") : ""}`,
            )
          } else if (event.step >= (lines * steps) / 10) {
            while (event.step >= (lines * steps) / 10) lines++
            say(`  step ${figures(event, steps, loss)}`)
          }
          break
        }
        case "evaluation": {
          const { score, text, detail } = texts.evaluation(event)
          const better = score > best
          best = Math.max(best, score)
          say(
            `  step ${count(event.step).padStart(count(steps).length)}  ${better ? green(text) : text}${detail === undefined ? "" : `  ${dim(detail)}`}`,
          )
          break
        }
        case "broken":
          say(yellow(`  passed over ${printable(event.message)}`))
          break
        case "checkpoint":
          break
        case "end":
          line.clear()
          if (event.finished) note(dim(`  ${duration(event.seconds)} for ${count(event.step)} steps`))
          else
            note(
              `${yellow("Stopped")} after step ${count(event.step)} and saved. Go on with:\n  ${cyan(`${self} train --resume ${quoted(run)}`)}`,
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

/** Warnings about settings of a recipe that are rarely useful. */
function doubts(training: TrainingOptions): string[] {
  const { schedule, steps, ema, learningRate } = training
  const warmup = warmupSteps(schedule, steps)
  const share = startShare(training)
  const rate = short((learningRate * steps) / warmup)
  return [
    ...(warmup > steps
      ? [
          `the warm-up of ${count(warmup)} steps is longer than the run of ${count(steps)}: the rate ends at ${rate}, still rising; lower --warmup`,
        ]
      : []),
    ...(share > 0.05
      ? [
          `the average of the parameters (EMA ${ema}) is ${percent(share, 0)} the untrained model after ${count(steps)} steps, and it is what is measured and published; lower --ema`,
        ]
      : []),
  ]
}

function learningLine({ parameters, frozen }: StartEvent, names: readonly string[]): string {
  const learning = `${count(parameters)} parameters`
  if (frozen === 0) return learning
  return `${learning}; ${count(frozen)} do not change${names.length === 0 ? "" : `: ${names.map(printable).join(", ")}`}`
}

export const field = (name: string, text: string): string => `  ${dim(name.padEnd(8))} ${text}`

/** Names the run, and the checkpoints that could not be read. */
export function opening(run: string, { resumed, damaged, extensions = [], recipe }: RunSetup): string[] {
  const lengths = extensions.map(({ steps }) => steps)
  const changes = extensions.map(
    ({ step, steps }, i) =>
      `at step ${count(step)} the run of ${count(steps)} steps became one of ${count(lengths[i + 1] ?? recipe.training.steps)}; its schedule is computed anew, so it is no run that was trained at once`,
  )
  return [
    bold(`${resumed === null ? "Training" : `Resuming at step ${count(resumed)}:`} ${printable(run)}`),
    ...damaged.map((message) => yellow(`  passed over a checkpoint: ${printable(message)}`)),
    ...changes.map((text) => yellow(`  ${text}`)),
  ]
}

/** The data of a run, if they are images with classes. */
export function imagesLine({ data, examples, validation, classes, ...rest }: RunSetup & ImagesFacts): string {
  const { test = 0, splitNames: names } = rest
  const folder = (split: Split): string => {
    const name = names?.[split]
    return name === undefined || name === split ? "" : ` (${printable(name)})`
  }
  const heldOut = names !== undefined && names.val === undefined ? " (held out)" : folder("val")
  const images = [
    `${count(examples)} images to train on${folder("train")}`,
    ...(validation > 0 || test === 0 ? [`${count(validation)} to validate${validation > 0 ? heldOut : ""}`] : []),
    ...(test > 0 ? [`${count(test)} to test${folder("test")}`] : []),
  ]
  return field("data", `${printable(data)}: ${images.join(", ")}, ${classes.length} classes`)
}

interface ImagesFacts {
  readonly classes: readonly string[]
  readonly test?: number
  readonly splitNames?: SplitNames
}

/** With fewer examples, shares are uncertain by more than ten points. */
const fewest = 100

export const isFewValidation = (examples: number): boolean => examples > 0 && examples < fewest

/** Warns if there are too few validation examples to distinguish models. */
export function fewValidation({ validation, resumed }: RunSetup, what: string, ...advice: readonly string[]): string[] {
  if (!isFewValidation(validation)) return []
  const points = Math.round(196 * Math.sqrt(0.25 / validation))
  const remedy = resumed === null ? `: ${["hold out more (--val-fraction)", ...advice].join(", or ")}` : ""
  const text = `${validation} validation ${what} tell accuracy to ±${points} points, too few to tell which model is the best`
  return [field("", yellow(`${text}${remedy}`))]
}

/** The batch of a step and how it is cut, such as `64 images in 4 × 16`. */
export function stepText(
  batchSize: number,
  { microBatches, accumulate }: Pick<TrainingOptions, "microBatches" | "accumulate">,
  what: string,
): string {
  const size = batchSize / microBatches
  const parts = microBatches * accumulate
  return `${count(batchSize * accumulate)} ${what}${parts === 1 ? "" : ` in ${parts} × ${size}`}`
}

/** The length, optimizer and schedule of a run, and further parts. */
export function trainingLine(
  { steps, microBatches, accumulate, optimizer, learningRate, schedule, ema }: TrainingOptions,
  batchSize: number,
  what: string,
  more: readonly string[] = [],
): string {
  const warmup = warmupSteps(schedule, steps)
  const extras = [...more, ...(ema === null ? [] : [`EMA ${ema}`])]
  const parts = [
    `${count(steps)} steps of ${stepText(batchSize, { microBatches, accumulate }, what)}`,
    `${optimizer.name} at ${short(learningRate)}, ${schedule.decay}${warmup > 0 ? ` after ${count(warmup)} steps of warm-up` : ""}`,
    ...(extras.length === 0 ? [] : [extras.join(", ")]),
  ]
  return parts.join(" · ")
}

const cells = 20

function bar(step: number, steps: number): string {
  const full = Math.round((cells * step) / steps)
  return `  ${green("━".repeat(full))}${dim("━".repeat(cells - full))} `
}

function figures({ step, epoch, learningRate, imagesPerSecond, eta }: StepEvent, steps: number, loss: number): string {
  return [
    `${count(step)}/${count(steps)}`,
    `epoch ${epoch.toFixed(1)}`,
    `loss ${loss.toFixed(3)}`,
    `lr ${learningRate.toExponential(1)}`,
    `${count(imagesPerSecond)} images/s`,
    `${duration(eta)} left`,
  ].join(dim(" · "))
}
