import { type ImageModel, ops, type Tensor, VitrineError } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { tally, tallyRows } from "../metrics.ts"
import type { ClassWeightTotal } from "../options.ts"
import { type Loss, rowLosses } from "./losses.ts"
import type { Measure, Objective, Prepared } from "./objective.ts"

/**
 * The objective of classification: images and their classes. Class weights change the loss of training, but not that of
 * evaluation.
 * @throws VitrineError (config) for a model without classes, or if the number of weights is not the number of classes.
 */
export function classificationObjective(
  model: ImageModel,
  loss: Loss,
  classWeights: readonly number[] | null = null,
  classWeightTotal: ClassWeightTotal = "labels",
): Objective {
  const { classes } = model
  if (classWeights !== null && classWeights.length !== classes)
    throw new VitrineError("config", `classWeights has ${classWeights.length} numbers for ${classes} classes`)
  const measure = measureClasses(model, loss)
  return {
    rows: (scope) => {
      const { images, targets, weights } = labelledInputs(model)
      return { losses: rowLosses(model.forward(scope, images), targets, loss, classWeights), weights }
    },
    prepare: (batch) => weighted(batch, loss, classWeights, classWeightTotal),
    measure,
  }
}

/**
 * Measures a classifier on labelled images by loss and accuracy.
 * @throws VitrineError (config) for a model without classes.
 */
export function measureClasses(model: ImageModel, loss: Loss): Measure {
  if (model.classes === 0) throw new VitrineError("config", "a model without classes has no loss to train on")
  return {
    outputs: (scope) => {
      const { images, targets } = labelledInputs(model)
      const logits = model.forward(scope, images)
      return { logits, losses: rowLosses(logits, targets, loss) }
    },
    pass: () => {
      const { addRows: add, result } = tally(model.classes)
      return {
        async record({ images, targets, labels, weights }, run) {
          const { logits, losses } = await run({ images, targets })
          return tallyRows(logits?.data ?? [], losses?.data ?? [], labels, weights, model.classes)
        },
        add,
        result,
      }
    },
    score: ({ top1 }) => top1,
    loss: ({ loss }) => loss,
  }
}

/** The inputs of a batch: images `[batch, height, width, channels]`, targets `[batch, classes]`, weights `[batch]`. */
export function labelledInputs({
  imageSize,
  channels,
  classes,
}: Pick<ImageModel, "imageSize" | "channels" | "classes">): {
  images: Tensor
  targets: Tensor
  weights: Tensor
} {
  return {
    images: ops.input("images", ["batch", ...imageSize, channels]),
    targets: ops.input("targets", ["batch", classes]),
    weights: ops.input("weights", ["batch"]),
  }
}

/**
 * The inputs of a batch and its total weight. With cross-entropy the targets are multiplied by the weights of their
 * classes, as in PyTorch's `CrossEntropyLoss(weight)`. The total then has the weights of the labels, or 1 for each example.
 */
export function weighted(
  batch: Batch,
  loss: Loss,
  classWeights: readonly number[] | null,
  classWeightTotal: ClassWeightTotal = "labels",
): Prepared {
  const { images, targets, labels, weights } = batch
  const examples = weights.reduce((sum, weight) => sum + weight, 0)
  if (classWeights === null || loss === "binary") return { inputs: { images, targets, weights }, total: examples }
  // `classWeights` has one weight for each class, so every label has its weight.
  const weightOf = (label: number): number => classWeights[label] ?? Number.NaN
  const weightOfRow = (row: number): number => weightOf(labels[row] ?? Number.NaN)
  const total =
    classWeightTotal === "examples"
      ? examples
      : weights.reduce((sum, weight, row) => sum + weight * weightOfRow(row), 0)
  const scaled = targets.map((target, i) => target * weightOf(i % classWeights.length))
  return { inputs: { images, targets: scaled, weights }, total }
}
