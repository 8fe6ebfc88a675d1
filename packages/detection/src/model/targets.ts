import { VitrineError } from "@vitrine/core"
import { generalizedBoxIou, toCorners } from "../boxes/boxes.ts"
import type { Target } from "../data/batch.ts"
import { assignment } from "../match/assign.ts"
import type { DetrConfig } from "./config.ts"
import type { DetectionLossOptions } from "./losses.ts"

/** What a pair of a query and an object costs in the matching; names and defaults are facebookresearch's. */
export interface MatchingCosts {
  readonly classCost: number
  readonly boxCost: number
  readonly overlapCost: number
}

export const matchingDefaults: MatchingCosts = { classCost: 1, boxCost: 5, overlapCost: 2 }

/** Values of `targetInputs`. */
export interface MatchedTargets {
  readonly classes: Float32Array
  readonly boxes: Float32Array
  readonly boxWeights: Float32Array
}

/**
 * Matches what the layers of the decoder found in a batch with what there is, each layer by itself, at least cost
 * (`HungarianMatcher`), and tells each query what it should have been. What rows of padding hold does not count.
 * @param logits `[batch, decoderDepth, queries, classes + 1]`
 * @param boxes `[batch, decoderDepth, queries, 4]`
 * @param targets of each image; null for rows that are padding
 * @throws VitrineError (config) for a class that the model does not have, (training) for predictions that are not finite
 */
export function matchedTargets(
  logits: ArrayLike<number>,
  boxes: ArrayLike<number>,
  targets: readonly (Target | null)[],
  config: Pick<DetrConfig, "classes" | "queries" | "decoderDepth">,
  { noObjectWeight }: Pick<DetectionLossOptions, "noObjectWeight">,
  costs: MatchingCosts = matchingDefaults,
): MatchedTargets {
  const { classes, queries, decoderDepth } = config
  const outcomes = classes + 1
  let objects = 0
  let weights = 0
  for (const target of targets) {
    if (target === null) continue
    const { length } = target.labels
    const matched = Math.min(queries, length)
    objects += length
    weights += matched + noObjectWeight * (queries - matched)
  }
  const boxWeight = 1 / Math.max(1, objects)
  const rows = targets.length * decoderDepth * queries
  const told = {
    classes: new Float32Array(rows * outcomes),
    boxes: new Float32Array(rows * 4).fill(0.5),
    boxWeights: new Float32Array(rows),
  }
  for (const [image, target] of targets.entries()) {
    if (target === null) continue
    for (let layer = 0; layer < decoderDepth; layer++) {
      const from = (image * decoderDepth + layer) * queries
      for (let query = 0; query < queries; query++)
        told.classes[(from + query) * outcomes + classes] = noObjectWeight / weights
      const cost = matchingCost(logits, boxes, from, target, config, costs)
      const { rows: found, columns } = assignment(cost, queries, target.labels.length)
      found.forEach((query, i) => {
        const object = columns[i] as number
        const at = from + query
        told.classes[at * outcomes + classes] = 0
        told.classes[at * outcomes + (target.labels[object] as number)] = 1 / weights
        told.boxWeights[at] = boxWeight
        for (let k = 0; k < 4; k++) told.boxes[at * 4 + k] = target.boxes[object * 4 + k] as number
      })
    }
  }
  return told
}

/** Costs of each query with each object, `[queries, objects]`. */
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
  const found = Float64Array.from({ length: 4 * queries }, (_, i) => boxes[4 * from + i] as number)
  const overlaps = generalizedBoxIou(toCorners(found), toCorners(target.boxes))
  const cost = new Float64Array(queries * objects)
  for (let query = 0; query < queries; query++) {
    const own = probabilities(logits, (from + query) * (classes + 1), classes + 1)
    for (let object = 0; object < objects; object++) {
      const label = labels[object] as number
      if (!(label >= 0 && label < classes))
        throw new VitrineError(
          "config",
          `an object is of class ${label}, but the model has classes 0 to ${classes - 1}`,
        )
      let distance = 0
      for (let k = 0; k < 4; k++)
        distance += Math.abs((found[4 * query + k] as number) - (target.boxes[4 * object + k] as number))
      const at = query * objects + object
      cost[at] = boxCost * distance - classCost * (own[label] as number) - overlapCost * (overlaps[at] as number)
    }
  }
  return cost
}

/** The softmax of `count` logits. */
export function probabilities(logits: ArrayLike<number>, from: number, count: number): Float64Array {
  let largest = -Infinity
  for (let i = 0; i < count; i++) largest = Math.max(largest, logits[from + i] as number)
  const values = Float64Array.from({ length: count }, (_, i) => Math.exp((logits[from + i] as number) - largest))
  const total = values.reduce((a, b) => a + b)
  return values.map((value) => value / total)
}
