import { VitrineError } from "@vitrine/core"

/** The result of an evaluation of images that may have several labels. */
export interface LabelEvaluation {
  readonly examples: number
  /** Mean loss of an example. */
  readonly loss: number
  /** The mean of the classes' average precisions (macro AP); null if no class has a positive example. */
  readonly ap: number | null
  /** The average precision of all classes' scores in one list; null without positive examples. */
  readonly microAp: number | null
  /** The mean of the classes' F1 at the threshold, over the classes with positive examples; null without those. */
  readonly macroF1: number | null
  /** F1 at the threshold from the counts of all classes; null without positive examples. */
  readonly microF1: number | null
  /** The least probability at which a label counts as predicted. */
  readonly threshold: number
  /** For each class its figures. Classes without positive examples have no average precision. */
  readonly classes: readonly LabelFigures[]
}

/** The figures of one class. */
export interface LabelFigures {
  /** Examples with this label. */
  readonly positives: number
  readonly averagePrecision: number | null
  /** 2 TP / (2 TP + FP + FN) at the threshold; null without positive examples. */
  readonly f1: number | null
}

/**
 * Average precision: Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores in descending order, with precision Pₙ and recall Rₙ of all
 * examples that score at least as much, as in scikit-learn's `average_precision_score`.
 * @param targets a positive number for a positive example
 * @returns null if there are no positive examples
 */
export function averagePrecision(scores: ArrayLike<number>, targets: ArrayLike<number>): number | null {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i)
  const scoreOf = (i: number): number => scores[i] ?? Number.NaN
  order.sort((a, b) => scoreOf(b) - scoreOf(a))
  let [positives, before, total] = [0, 0, 0]
  for (const [place, i] of order.entries()) {
    if ((targets[i] ?? 0) > 0) positives++
    const next = order[place + 1]
    if (next !== undefined && scoreOf(next) === scoreOf(i)) continue
    total += ((positives - before) * positives) / (place + 1)
    before = positives
  }
  return positives === 0 ? null : total / positives
}

interface Counts {
  readonly truePositives: number
  readonly falsePositives: number
  readonly falseNegatives: number
}

const f1Of = ({ truePositives, falsePositives, falseNegatives }: Counts): number =>
  (2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives)

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => a + b) / values.length

/** Collects logits and labels of batches for an evaluation. */
export interface LabelTally {
  /** `logits` and `targets` are `[rows, classes]`. Rows of weight 0 do not count. */
  add(
    logits: ArrayLike<number>,
    losses: ArrayLike<number>,
    targets: ArrayLike<number>,
    weights: ArrayLike<number>,
  ): void
  result(): LabelEvaluation
}

/**
 * Collects probabilities and targets of images with several labels, for average precision and F1.
 * @throws VitrineError (config) for a threshold that is not between 0 and 1
 */
export function labelTally(classes: number, threshold: number): LabelTally {
  if (!(threshold > 0 && threshold < 1))
    throw new VitrineError("config", `threshold: must be a number above 0 and below 1, got ${threshold}`)
  /** For each class its logits, and its targets as 0 and 1. */
  const logitsOf = Array.from({ length: classes }, (): number[] => [])
  const targetsOf = Array.from({ length: classes }, (): number[] => [])
  /** The logit of the threshold, so that no sigmoid rounds two scores to one. */
  const cut = Math.log(threshold / (1 - threshold))
  let examples = 0
  let loss = 0
  return {
    add(logits, losses, targets, weights) {
      for (const [row, rowLoss] of Array.from(losses).entries()) {
        if (weights[row] === 0) continue
        examples++
        loss += rowLoss
        for (const [c, column] of logitsOf.entries()) {
          column.push(logits[row * classes + c] ?? Number.NaN)
          targetsOf[c]?.push(targets[row * classes + c] === 0 ? 0 : 1)
        }
      }
    },
    result: () => {
      const counts = logitsOf.map((column, c): Counts & { readonly positives: number } => {
        let [truePositives, falsePositives, positives] = [0, 0, 0]
        for (const [i, logit] of column.entries()) {
          const isPositive = targetsOf[c]?.[i] === 1
          if (isPositive) positives++
          if (logit < cut) continue
          if (isPositive) truePositives++
          else falsePositives++
        }
        return { truePositives, falsePositives, falseNegatives: positives - truePositives, positives }
      })
      const figures = counts.map((each, c): LabelFigures => {
        const { positives } = each
        return {
          positives,
          averagePrecision: averagePrecision(logitsOf[c] ?? [], targetsOf[c] ?? []),
          f1: positives === 0 ? null : f1Of(each),
        }
      })
      const sum = (key: keyof Counts): number => counts.reduce((total, each) => total + each[key], 0)
      const all: Counts = {
        truePositives: sum("truePositives"),
        falsePositives: sum("falsePositives"),
        falseNegatives: sum("falseNegatives"),
      }
      const microAp = averagePrecision(logitsOf.flat(), targetsOf.flat())
      return {
        examples,
        loss: loss / examples,
        ap: meanOf(figures.flatMap(({ averagePrecision: ap }) => ap ?? [])),
        microAp,
        macroF1: meanOf(figures.flatMap(({ f1 }) => f1 ?? [])),
        microF1: microAp === null ? null : f1Of(all),
        threshold,
        classes: figures,
      }
    },
  }
}
