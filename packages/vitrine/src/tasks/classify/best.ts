import { hasRow, rowNames, VitrineError } from "@vitrine/core"
import type { Evaluation, LabelEvaluation } from "@vitrine/trainer"

/**
 * The scores by which the published checkpoint can be chosen, for images with one label. Greater is better. Null means the
 * last checkpoint. Of equal scores the lowest loss decides, then the later step.
 */
const classScores = {
  top1: ({ top1 }: Evaluation): number => top1,
  loss: ({ loss }: Evaluation): number => -loss,
  "mean-per-class": ({ meanPerClass }: Evaluation): number => meanPerClass,
  last: (): null => null,
}

/** The scores for images that may have several labels. */
const labelScores = {
  ap: ({ ap }: LabelEvaluation): number => ap ?? 0,
  loss: ({ loss }: LabelEvaluation): number => -loss,
  last: (): null => null,
}

/** The names of the scores that choose the published checkpoint. */
export type BestName = keyof typeof classScores | keyof typeof labelScores

/** The scores that choose the published checkpoint, of one label and of several. */
export const bestNames: readonly BestName[] = [...new Set([...rowNames(classScores), ...rowNames(labelScores)])]

/** @throws VitrineError (config) for a score that images with so many labels do not have */
export function checkBest(best: BestName, severalLabels: boolean): void {
  figureOf<object>(severalLabels ? labelScores : classScores, best)
}

/** @throws VitrineError (config) for a score that only images with several labels have */
export function classScore(best: BestName): (evaluation: Evaluation) => number | null {
  return figureOf(classScores, best)
}

/** @throws VitrineError (config) for a score that only images with one label have */
export function labelScore(best: BestName): (evaluation: LabelEvaluation) => number | null {
  return figureOf(labelScores, best)
}

function figureOf<T extends object>(figures: T, best: BestName): T[keyof T] {
  if (hasRow(figures, best)) return figures[best]
  throw new VitrineError(
    "config",
    `recipe: best must be one of ${rowNames(figures).join(", ")} for these labels, got "${best}"`,
  )
}
