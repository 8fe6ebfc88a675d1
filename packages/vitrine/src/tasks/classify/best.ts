import { rowNames } from "@vitrine/core"
import type { Evaluation } from "@vitrine/trainer"

/**
 * The figure of an evaluation by which the published checkpoint is chosen; more is better, and null is for the last checkpoint.
 * Among equal figures the lowest loss decides, then the later step.
 */
export const bestScores = {
  top1: ({ top1 }: Evaluation): number => top1,
  loss: ({ loss }: Evaluation): number => -loss,
  "mean-per-class": ({ meanPerClass }: Evaluation): number => meanPerClass,
  last: (): null => null,
}

export type BestName = keyof typeof bestScores

export const bestNames: readonly BestName[] = rowNames(bestScores)
