import { type ImageModel, ops, type Tensor, VitrineError } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { tally } from "../metrics.ts"
import type { Measure, Objective, Prepared } from "./objective.ts"

export type Loss =
  /** Softmax against distributions over the classes. */
  | "cross-entropy"
  /** A sigmoid for each class, for images that may show several; the mean over the classes. */
  | "binary"

/**
 * Images and the classes that they show. Measured without the weights of the classes.
 * @throws VitrineError (config) for a model without classes, or weights that are not one a class.
 */
export function classificationObjective(
  model: ImageModel,
  loss: Loss,
  classWeights: readonly number[] | null = null,
): Objective {
  const { classes } = model
  if (classWeights !== null && classWeights.length !== classes)
    throw new VitrineError("config", `classWeights has ${classWeights.length} numbers for ${classes} classes`)
  const measure = measureClasses(model, loss)
  return {
    rows: (scope) => {
      const { images, targets, weights } = labelledInputs(model)
      return { losses: rowLosses(model.forward(scope, images), targets, loss), weights }
    },
    prepare: (batch) => weighted(batch, classWeights),
    measure,
  }
}

/**
 * Logits and losses of labelled images, by their accuracy.
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
      const { add, result } = tally(model.classes)
      return {
        async add({ images, targets, labels, weights }, run) {
          const { logits, losses } = await run({ images, targets })
          add(logits?.data ?? [], losses?.data ?? [], labels, weights)
        },
        result,
      }
    },
    score: ({ top1 }) => top1,
  }
}

/** images `[batch, height, width, channels]` and what is wanted of them. */
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

/** The loss of each row, `[batch]`. */
export function rowLosses(logits: Tensor, targets: Tensor, loss: Loss): Tensor {
  if (loss === "cross-entropy") return ops.softmaxCrossEntropy(logits, targets)
  // log(1 + exp(z)) − t z, without overflow
  const softplus = ops.add(ops.maximum(logits, 0), ops.log(ops.add(ops.exp(ops.neg(ops.abs(logits))), 1)))
  return ops.mean(ops.sub(softplus, ops.mul(targets, logits)), [1])
}

/**
 * Targets scaled by the weights of the classes, and what the batch weighs: as PyTorch's `CrossEntropyLoss(weight)`, an
 * example counts by the weight of its label.
 */
export function weighted(batch: Batch, classWeights: readonly number[] | null): Prepared {
  const { images, targets, labels, weights } = batch
  let total = 0
  if (classWeights === null) {
    for (const weight of weights) total += weight
    return { inputs: { images, targets, weights }, total }
  }
  labels.forEach((label, row) => {
    total += (weights[row] as number) * (classWeights[label] as number)
  })
  const scaled = targets.map((t, i) => t * (classWeights[i % classWeights.length] as number))
  return { inputs: { images, targets: scaled, weights }, total }
}
