import { dimAt, type Field, fixed, ops, type Tensor } from "@vitrine/core"
import { product } from "@vitrine/core/backend"
import type { DetrConfig } from "./config.ts"
import type { DetrOutputs } from "./detr.ts"

/** The weights of the parts of the loss. Names and defaults are facebookresearch's. */
export interface DetectionLossOptions {
  /** The weight of the class that means no object. The other classes have weight 1. */
  readonly noObjectWeight: number
  readonly boxWeight: number
  readonly overlapWeight: number
  /** Whether all decoder layers have a loss, or only the last. */
  readonly auxiliary: boolean
}

/** The weights of the losses in DETR. */
export const detectionLossDefaults: DetectionLossOptions = {
  noObjectWeight: 0.1,
  boxWeight: 5,
  overlapWeight: 2,
  auxiliary: true,
}

/** The kind and bounds of each option. */
export const detectionLossFields: Readonly<Record<keyof DetectionLossOptions, Field>> = {
  noObjectWeight: { kind: "number", from: 0 },
  boxWeight: { kind: "number", from: 0 },
  overlapWeight: { kind: "number", from: 0 },
  auxiliary: { kind: "boolean" },
}

/**
 * The targets of the queries, from `matchedTargets`. They already contain the weight of each query in the batch's loss.
 */
export interface TargetTensors {
  /** The one-hot class of each query, times the query's weight: `[batch, decoderDepth, queries, classes + 1]`. */
  readonly classes: Tensor
  /** cx, cy, w, h, `[batch, decoderDepth, queries, 4]`. A query without a matched object has any box with an area. */
  readonly boxes: Tensor
  /** The weight of each query's box, `[batch, decoderDepth, queries]`; 0 for a query without a matched object. */
  readonly boxWeights: Tensor
}

/** The losses of a batch as tensors. */
export interface DetectionLosses {
  /** The weighted sum of the parts over all layers with a loss: `[batch]`. Its sum is the batch's loss. */
  readonly total: Tensor
  /** The unweighted parts of the last layer, `[batch]` each: cross-entropy, L1 distance, 1 − generalised IoU. */
  readonly classes: Tensor
  readonly boxes: Tensor
  readonly overlaps: Tensor
}

/** The graph's inputs that hold the targets. */
export function targetInputs({ classes, decoderDepth, queries }: DetrConfig): TargetTensors {
  const shape = ["batch", decoderDepth, queries] as const
  return {
    classes: ops.input("targets.classes", [...shape, classes + 1]),
    boxes: ops.input("targets.boxes", [...shape, 4]),
    boxWeights: ops.input("targets.boxWeights", shape),
  }
}

/** DETR's loss (`SetCriterion`): cross-entropy, L1 and generalised IoU of matched queries. */
export function detectionLosses(
  { logits, boxes: predicted }: DetrOutputs,
  targets: TargetTensors,
  { boxWeight, overlapWeight, auxiliary }: DetectionLossOptions,
): DetectionLosses {
  const batch = dimAt(logits.shape, 0)
  const depth = fixed(logits.shape, 1)
  const layers = logits.shape.slice(0, 3) // [batch, depth, queries]
  const rows = ops.reshape(logits, [product(layers), fixed(logits.shape, 3)])
  const entropies = ops.softmaxCrossEntropy(rows, ops.reshape(targets.classes, rows.shape))
  const classes = ops.sum(ops.reshape(entropies, layers), [2]) // [batch, depth]
  const weighted = (t: Tensor): Tensor => ops.sum(ops.mul(t, targets.boxWeights), [2])
  const boxes = weighted(distance(predicted, targets.boxes))
  const overlaps = weighted(ops.sub(1, generalizedIou(predicted, targets.boxes)))
  const all = ops.add(classes, ops.add(ops.mul(boxes, boxWeight), ops.mul(overlaps, overlapWeight)))
  const last = (t: Tensor): Tensor => ops.reshape(ops.slice(t, 1, depth - 1, depth), [batch])
  return {
    total: auxiliary ? ops.sum(all, [1]) : last(all),
    classes: last(classes),
    boxes: last(boxes),
    overlaps: last(overlaps),
  }
}

/** Σ |a − b| over the last axis. The gradient is 0 where the two are equal, as in PyTorch. */
function distance(a: Tensor, b: Tensor): Tensor {
  const difference = ops.sub(a, b)
  const size = ops.where(
    ops.greater(difference, 0),
    difference,
    ops.where(ops.greater(0, difference), ops.neg(difference), 0),
  )
  return ops.sum(size, [3])
}

/**
 * Generalised IoU (Rezatofighi et al., 2019) of pairs of boxes cx, cy, w, h, `[batch, depth, queries, 4]` each, as
 * `[batch, depth, queries]`. If two sides coincide, each gets half of the gradient, as in PyTorch.
 */
function generalizedIou(a: Tensor, b: Tensor): Tensor {
  const [aLow, aHigh] = corners(a)
  const [bLow, bHigh] = corners(b)
  const intersection = area(ops.sub(least(aHigh, bHigh), greatest(aLow, bLow)))
  const hull = area(ops.sub(greatest(aHigh, bHigh), least(aLow, bLow)))
  const union = ops.sub(ops.add(extent(ops.sub(aHigh, aLow)), extent(ops.sub(bHigh, bLow))), intersection)
  return ops.sub(ops.div(intersection, union), ops.div(ops.sub(hull, union), hull))
}

/** The corner with the least coordinates and the one with the greatest, `[…, 2]` each. */
function corners(boxes: Tensor): readonly [Tensor, Tensor] {
  const centre = ops.slice(boxes, 3, 0, 2)
  const half = ops.mul(ops.slice(boxes, 3, 2, 4), 0.5)
  return [ops.sub(centre, half), ops.add(centre, half)]
}

/** Width times height, `[…, 2]` → `[…]`. */
function extent(sides: Tensor): Tensor {
  const [width, height] = ops.split(sides, 3, 2)
  return ops.reshape(ops.mul(width, height), sides.shape.slice(0, -1))
}

/** Width times height. It is 0 if a side is 0 or less, and then has no gradient. */
function area(sides: Tensor): Tensor {
  return extent(ops.relu(sides))
}

const midway = (a: Tensor, b: Tensor): Tensor => ops.mul(ops.add(a, b), 0.5)

function greatest(a: Tensor, b: Tensor): Tensor {
  return ops.where(ops.greater(a, b), a, ops.where(ops.greater(b, a), b, midway(a, b)))
}

function least(a: Tensor, b: Tensor): Tensor {
  return ops.where(ops.greater(a, b), b, ops.where(ops.greater(b, a), a, midway(a, b)))
}
