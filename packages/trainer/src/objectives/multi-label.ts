import { type ImageModel, VitrineError } from "@vitrine/core"
import { type LabelEvaluation, type LabelTally, labelTally } from "../labels.ts"
import { labelledInputs, weighted } from "./classification.ts"
import { rowLosses } from "./losses.ts"
import type { Measure, Objective } from "./objective.ts"
import type { Batch } from "@vitrine/data"

/**
 * The objective of images that may have several labels: a sigmoid for each class, and the mean of its cross-entropies.
 * @param positiveWeights weights of positive targets, as PyTorch's `BCEWithLogitsLoss(pos_weight)`
 * @param threshold the least probability at which a label counts as predicted
 * @throws VitrineError (config) for a model without classes, another number of weights than classes, or a threshold that
 * is not between 0 and 1.
 */
export function multiLabelObjective(
  model: ImageModel,
  positiveWeights: readonly number[] | null,
  threshold: number,
): Objective<Batch, LabelEvaluation> {
  const { classes } = model
  if (positiveWeights !== null && positiveWeights.length !== classes)
    throw new VitrineError("config", `classWeights has ${positiveWeights.length} numbers for ${classes} classes`)
  return {
    rows: (scope) => {
      const { images, targets, weights } = labelledInputs(model)
      return { losses: rowLosses(model.forward(scope, images), targets, "binary", positiveWeights), weights }
    },
    prepare: (batch) => weighted(batch, "binary", null),
    measure: measureLabels(model, threshold),
  }
}

type LabelRecord = Parameters<LabelTally["add"]>

/**
 * Measures a model on images with several labels by loss, average precision and F1.
 * @throws VitrineError (config) for a model without classes.
 */
export function measureLabels(model: ImageModel, threshold: number): Measure<Batch, LabelEvaluation> {
  if (model.classes === 0) throw new VitrineError("config", "a model without classes has no loss to train on")
  labelTally(model.classes, threshold)
  return {
    outputs: (scope) => {
      const { images, targets } = labelledInputs(model)
      const logits = model.forward(scope, images)
      return { logits, losses: rowLosses(logits, targets, "binary") }
    },
    pass: () => {
      const { add, result } = labelTally(model.classes, threshold)
      return {
        async record({ images, targets, weights }, run): Promise<LabelRecord> {
          const { logits, losses } = await run({ images, targets })
          return [logits?.data ?? [], losses?.data ?? [], targets, weights]
        },
        add: (record: LabelRecord) => add(...record),
        result,
      }
    },
    score: ({ ap }) => ap ?? 0,
    loss: ({ loss }) => loss,
  }
}
