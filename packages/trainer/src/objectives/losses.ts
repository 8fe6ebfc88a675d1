import { ops, rowNames, type Tensor } from "@vitrine/core"

/**
 * Losses of rows `[batch]`, from logits and targets `[batch, classes]`. A row is all that a new loss needs: types and checks
 * follow from this table.
 */
export const losses = {
  /** Softmax against distributions over the classes. */
  "cross-entropy": (logits: Tensor, targets: Tensor): Tensor => ops.softmaxCrossEntropy(logits, targets),
  /** A sigmoid for each class, for images that may show several; the mean over the classes. */
  binary: (logits: Tensor, targets: Tensor): Tensor => {
    // log(1 + exp(z)) − t z, without overflow
    const softplus = ops.add(ops.maximum(logits, 0), ops.log(ops.add(ops.exp(ops.neg(ops.abs(logits))), 1)))
    return ops.mean(ops.sub(softplus, ops.mul(targets, logits)), [1])
  },
}

export type Loss = keyof typeof losses

export const lossNames: readonly Loss[] = rowNames(losses)

/** The loss of each row, `[batch]`. */
export function rowLosses(logits: Tensor, targets: Tensor, loss: Loss): Tensor {
  return losses[loss](logits, targets)
}
