import type { MetricsEvent } from "@vitrine/checkpoint/node"
import { count, percent } from "../../show/text.ts"

/** Fewer images tell nothing of a bad accuracy. */
const fewest = 30

/** Fewer steps teach nothing. */
const fewestSteps = 20

/** The last steps whose losses count. */
const lastSteps = 50

/** Half of the interval of 95 % around a share of this many images. */
const spread = (share: number, images: number): number => 1.96 * Math.sqrt((share * (1 - share)) / images)

/** What this many images tell of the accuracy, if they are few. */
export function pointsLine(images: number): string[] {
  const points = 100 * spread(0.5, images)
  return images === 0 || points < 3
    ? []
    : [`${count(images)} images tell the accuracy to ±${Math.round(points)} points.`]
}

/** Says that an accuracy is what guessing gives, if it is and there are enough images to tell. */
export function guessingLine(top1: number, images: number, classes: number): string[] {
  if (images < fewest || classes < 2 || top1 > 1 / classes + spread(1 / classes, images)) return []
  return [`${percent(top1, 1)} right is no better than guessing among ${count(classes)} classes: ${remedy}.`]
}

interface LearnedTask {
  readonly classes: number
  readonly task: unknown
  readonly loss: unknown
  readonly distils: boolean
}

/** Says that a run learned nothing: by its last accuracy, or by losses that are those of guessing. */
export function unlearnedLine(
  metrics: readonly MetricsEvent[],
  { classes, task, loss: lossName, distils }: LearnedTask,
): string[] {
  if (task !== "classify" || !(classes > 1)) return []
  const last = metrics.findLast(({ type }) => type === "evaluation")
  const [top1, examples] = [last?.top1, last?.examples]
  if (typeof top1 === "number" && typeof examples === "number" && examples >= fewest)
    return guessingLine(top1, examples, classes)
  const losses = metrics.flatMap(({ type, loss }) => (type === "step" && typeof loss === "number" ? [loss] : []))
  if (distils || lossName !== "cross-entropy" || losses.length < fewestSteps) return []
  const ends = losses.slice(-Math.min(lastSteps, Math.ceil(losses.length / 2)))
  const mean = ends.reduce((sum, loss) => sum + loss, 0) / ends.length
  const guess = Math.log(classes)
  if (mean <= guess) return []
  return [
    `The loss ended at ${mean.toFixed(2)}, and guessing among ${count(classes)} classes has ${guess.toFixed(2)}: nothing was learned; ${remedy}.`,
  ]
}

const remedy =
  "leave --lr out or lower it, and look at the labels (the documentation has a page for a run that does not learn)"
