import { dimAt, fixed, ops, type Scope, type Tensor } from "@vitrine/core"
import type { Objective, Share } from "@vitrine/trainer"
import type { DetectionBatch, Target } from "../data/batch.ts"
import type { Detections, Objects } from "../data/objects.ts"
import { type AveragePrecision, averagePrecision } from "../metrics/average-precision.ts"
import { type DetrConfig, detrChannels, featureGrid } from "./config.ts"
import { queryDetections } from "./detections.ts"
import { type DetrOutputs, detr } from "./detr.ts"
import { type DetectionLossOptions, detectionLossDefaults, detectionLosses, targetInputs } from "./losses.ts"
import { featurePadding } from "./positions.ts"
import { matchedCounts, type MatchingCosts, matchedTargets, matchingDefaults } from "./targets.ts"

/** Options of the objective of detectors. */
export interface DetectionObjectiveOptions {
  /** Height and width of the batches' images with their padding. */
  readonly imageSize: readonly [number, number]
  /** Whether images may be smaller than that. If none is, attention needs no masks, which is faster. */
  readonly padded: boolean
  /** The objects of an image of the validation data, by the image's index. */
  readonly truth: (example: number) => Objects
  readonly losses?: Partial<DetectionLossOptions>
  readonly costs?: Partial<MatchingCosts>
}

/** COCO's measures of a detector, and its loss. */
export interface DetectionEvaluation extends AveragePrecision {
  readonly examples: number
}

/**
 * DETR's objective for `@vitrine/trainer`. The host receives the model's predictions and matches them with the objects.
 * Then the loss and its gradients are computed. The loss of a step does not depend on how its images are divided into
 * batches. The score is COCO's AP.
 * @throws VitrineError (shape) for images that the backbone does not accept
 */
export function detectionObjective(
  config: DetrConfig,
  { imageSize, padded, truth, losses = {}, costs = {} }: DetectionObjectiveOptions,
): Objective<DetectionBatch, DetectionEvaluation> {
  const grid = featureGrid(config, imageSize)
  const places = grid[0] * grid[1]
  const lossOptions = { ...detectionLossDefaults, ...losses }
  const model = (scope: Scope): DetrOutputs => {
    const images = ops.input("images", ["batch", ...imageSize, detrChannels(config)])
    if (!padded) return detr(scope, images, config)
    const visible = ops.input("visible", ["batch", places])
    return detr(scope, images, config, { visible, positions: ops.input("positions", ["batch", places, config.dim]) })
  }
  const inputs = ({ images, mask }: DetectionBatch): Record<string, Float32Array> => ({
    images,
    ...(padded && featurePadding(mask, imageSize, grid, config.dim)),
  })
  return {
    rows: (scope) => {
      const { logits, boxes } = model(scope)
      const { total } = detectionLosses({ logits, boxes }, targetInputs(config), lossOptions)
      return { losses: total, weights: ops.input("weights", ["batch"]), hostValues: { logits, boxes } }
    },
    share: (batch) => ({ images: imagesOf(batch), ...matchedCounts(targetsOf(batch), config) }),
    prepare: (batch, _, shares) => {
      const images = imagesOf(batch)
      // The targets already contain the weight of each image in the step's loss.
      const total = sumOf(shares, "images")
      return { inputs: { ...inputs(batch), weights: batch.weights.map((weight) => weight * total) }, total: images }
    },
    hostInputs: ({ logits, boxes }, batch, shares) => {
      const counted = {
        objects: sumOf(shares, "objects"),
        matched: sumOf(shares, "matched"),
        unmatched: sumOf(shares, "unmatched"),
      }
      const options = { ...lossOptions, counted }
      const matched = matchedTargets(logits?.data ?? [], boxes?.data ?? [], targetsOf(batch), config, options, {
        ...matchingDefaults,
        ...costs,
      })
      return Object.fromEntries(Object.entries(matched).map(([name, data]) => [`targets.${name}`, data]))
    },
    measure: {
      outputs: (scope) => {
        const { logits, boxes } = model(scope)
        return { logits: lastLayer(logits), boxes: lastLayer(boxes) }
      },
      pass: () => {
        const objects: Objects[] = []
        const detections: Detections[] = []
        return {
          record: async (batch, run): Promise<readonly DetectionRecord[]> => {
            const { logits, boxes } = await run(inputs(batch))
            return Array.from(batch.examples, (example, row) => {
              const size = batch.originals[row] ?? imageSize
              return [example, queryDetections(logits?.data ?? [], boxes?.data ?? [], row, config, size)]
            })
          },
          add(records: readonly DetectionRecord[]) {
            for (const [example, found] of records) {
              objects.push(truth(example))
              detections.push(found)
            }
          },
          result: () => ({ examples: detections.length, ...averagePrecision(objects, detections, config.classes) }),
        }
      },
      score: ({ ap }) => ap,
    },
  }
}

/** An image of the data, and what was found in it. */
type DetectionRecord = readonly [example: number, found: Detections]

const sumOf = (shares: readonly Share[], name: string): number =>
  shares.reduce((sum, share) => sum + (share[name] ?? 0), 0)

const imagesOf = ({ weights }: DetectionBatch): number => weights.reduce((a, b) => a + b, 0)

/** The targets of each image, or null for rows that pad the batch. */
const targetsOf = ({ targets, weights }: DetectionBatch): (Target | null)[] =>
  targets.map((target, row) => (weights[row] === 0 ? null : target))

/** Selects the values of the last layer: `[batch, decoderDepth, …]` → `[batch, …]`. */
export function lastLayer(t: Tensor): Tensor {
  const depth = fixed(t.shape, 1)
  return ops.reshape(ops.slice(t, 1, depth - 1, depth), [dimAt(t.shape, 0), ...t.shape.slice(2)])
}
