import { type Field, VitrineError } from "@vitrine/core"
import { boxAt, boxList, generalizedBoxIou, toCorners } from "../boxes/boxes.ts"
import type { Target } from "../data/batch.ts"
import { assignment } from "../match/assign.ts"
import type { DetrConfig } from "./config.ts"
import type { DetectionLossOptions } from "./losses.ts"

/** The weights of the parts of the cost by which queries are matched. Names and defaults are facebookresearch's. */
export interface MatchingCosts {
  readonly classCost: number
  readonly boxCost: number
  readonly overlapCost: number
}

/** The weights of the costs of matching in DETR. */
export const matchingDefaults: MatchingCosts = { classCost: 1, boxCost: 5, overlapCost: 2 }

/** The kind and bounds of each weight. */
export const matchingFields: Readonly<Record<keyof MatchingCosts, Field>> = {
  classCost: { kind: "number", from: 0 },
  boxCost: { kind: "number", from: 0 },
  overlapCost: { kind: "number", from: 0 },
}

/** The values of `targetInputs`. */
export interface MatchedTargets {
  readonly classes: Float32Array
  readonly boxes: Float32Array
  readonly boxWeights: Float32Array
}

export interface MatchedShare {
  /** The counts of all images of the step, by which the losses are divided. By default these are those of the batch. */
  readonly counted?: MatchedCounts
}

/** The numbers of objects, of queries that are matched with one, and of those that are not. */
export interface MatchedCounts {
  readonly objects: number
  readonly matched: number
  readonly unmatched: number
}

/** Counts the objects and queries of images. Rows that pad a batch are null. */
export function matchedCounts(
  targets: readonly (Target | null)[],
  { queries }: Pick<DetrConfig, "queries">,
): MatchedCounts {
  const counts = { objects: 0, matched: 0, unmatched: 0 }
  for (const target of targets) {
    if (target === null) continue
    const matched = Math.min(queries, target.labels.length)
    counts.objects += target.labels.length
    counts.matched += matched
    counts.unmatched += queries - matched
  }
  return counts
}

/**
 * Matches the predictions of each decoder layer with the objects at the least cost (`HungarianMatcher`), and makes the
 * targets of all queries. Rows that pad the batch have no targets.
 * @param logits `[batch, decoderDepth, queries, classes + 1]`
 * @param boxes `[batch, decoderDepth, queries, 4]`
 * @param targets those of each image, or null for rows that pad the batch
 * @throws VitrineError (config) for a class that the model does not have, (training) for predictions that are not
 *   finite
 */
export function matchedTargets(
  logits: ArrayLike<number>,
  boxes: ArrayLike<number>,
  targets: readonly (Target | null)[],
  config: Pick<DetrConfig, "classes" | "queries" | "decoderDepth">,
  {
    noObjectWeight,
    counted = matchedCounts(targets, config),
  }: Pick<DetectionLossOptions, "noObjectWeight"> & MatchedShare,
  costs: MatchingCosts = matchingDefaults,
): MatchedTargets {
  const { classes, queries, decoderDepth } = config
  const outcomes = classes + 1
  const weights = counted.matched + noObjectWeight * counted.unmatched
  const boxWeight = 1 / Math.max(1, counted.objects)
  const rows = targets.length * decoderDepth * queries
  const values = {
    classes: new Float32Array(rows * outcomes),
    boxes: new Float32Array(rows * 4).fill(0.5),
    boxWeights: new Float32Array(rows),
  }
  for (const [image, target] of targets.entries()) {
    if (target === null) continue
    for (let layer = 0; layer < decoderDepth; layer++) {
      const from = (image * decoderDepth + layer) * queries
      for (let query = 0; query < queries; query++)
        values.classes[(from + query) * outcomes + classes] = noObjectWeight / weights
      const cost = matchingCost(logits, boxes, from, target, config, costs)
      const pairs = assignment(cost, queries, target.labels.length)
      for (const [i, query] of pairs.rows.entries()) {
        const object = pairs.columns[i] ?? -1
        const at = from + query
        values.classes[at * outcomes + classes] = 0
        values.classes[at * outcomes + (target.labels[object] ?? -1)] = 1 / weights
        values.boxWeights[at] = boxWeight
        values.boxes.set(boxAt(target.boxes, object), at * 4)
      }
    }
  }
  return values
}

/** The cost of matching each query with each object, `[queries, objects]`. */
function matchingCost(
  logits: ArrayLike<number>,
  boxes: ArrayLike<number>,
  from: number,
  target: Target,
  { classes, queries }: Pick<DetrConfig, "classes" | "queries">,
  { classCost, boxCost, overlapCost }: MatchingCosts,
): Float64Array {
  const { labels } = target
  const objects = labels.length
  const predicted = Array.from({ length: queries }, (_, query) => boxAt(boxes, from + query))
  const targetBoxes = boxList(target.boxes)
  const overlaps = generalizedBoxIou(toCorners(predicted.flat()), toCorners(target.boxes))
  const cost = new Float64Array(queries * objects)
  for (const [query, [cx, cy, w, h]] of predicted.entries()) {
    const likely = probabilities(logits, (from + query) * (classes + 1), classes + 1)
    for (const [object, [x, y, width, height]] of targetBoxes.entries()) {
      const label = labels[object] ?? -1
      if (!(label >= 0 && label < classes))
        throw new VitrineError(
          "config",
          `an object is of class ${label}, but the model has classes 0 to ${classes - 1}`,
        )
      const distance = Math.abs(cx - x) + Math.abs(cy - y) + Math.abs(w - width) + Math.abs(h - height)
      const at = query * objects + object
      cost[at] = boxCost * distance - classCost * (likely[label] ?? 0) - overlapCost * (overlaps[at] ?? 0)
    }
  }
  return cost
}

/** The softmax of `count` logits. */
export function probabilities(logits: ArrayLike<number>, from: number, count: number): Float64Array {
  let largest = -Infinity
  for (let i = 0; i < count; i++) largest = Math.max(largest, logits[from + i] ?? Number.NaN)
  const powers = Float64Array.from({ length: count }, (_, i) => Math.exp((logits[from + i] ?? Number.NaN) - largest))
  const total = powers.reduce((a, b) => a + b)
  return powers.map((power) => power / total)
}
