import { ops, rowNames, type Tensor } from "@vitrine/core"

/**
 * Losses of rows `[batch]`, from logits and targets `[batch, classes]`. To add a loss, add a row. Types and checks
 * follow from this table.
 */
export const losses = {
  /** Cross-entropy of a softmax with distributions over the classes. The targets already contain class weights. */
  "cross-entropy": (logits: Tensor, targets: Tensor): Tensor => ops.softmaxCrossEntropy(logits, targets),
  /**
   * The mean over the classes of a sigmoid's cross-entropy, for images that may show several classes. `weights`,
   * `[classes]`, multiply the losses of positive targets, as in PyTorch's `BCEWithLogitsLoss(pos_weight)`.
   */
  binary: (logits: Tensor, targets: Tensor, weights?: Tensor): Tensor => {
    // log(1 + exp(z)) − t z, without overflow
    const softplus = ops.add(ops.maximum(logits, 0), ops.log(ops.add(ops.exp(ops.neg(ops.abs(logits))), 1)))
    if (weights === undefined) return ops.mean(ops.sub(softplus, ops.mul(targets, logits)), [1])
    // w t log(1 + exp(−z)) + (1 − t) log(1 + exp(z)), where log(1 + exp(−z)) = log(1 + exp(z)) − z
    const positives = ops.mul(targets, weights)
    const factor = ops.add(ops.sub(positives, targets), 1)
    return ops.mean(ops.sub(ops.mul(factor, softplus), ops.mul(positives, logits)), [1])
  },
}

/** The names of the losses. */
export type Loss = keyof typeof losses

/** All losses of classifiers. */
export const lossNames: readonly Loss[] = rowNames(losses)

/** The loss of each row, `[batch]`. */
export function rowLosses(
  logits: Tensor,
  targets: Tensor,
  loss: Loss,
  classWeights: readonly number[] | null = null,
): Tensor {
  const weights =
    classWeights === null ? undefined : ops.constant(Float32Array.from(classWeights), [classWeights.length])
  return losses[loss](logits, targets, weights)
}
