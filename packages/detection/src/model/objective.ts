import { ops, type Scope, type Tensor } from "@vitrine/core"
import type { Objective } from "@vitrine/trainer"
import type { DetectionBatch } from "../data/batch.ts"
import type { Detections, Objects } from "../data/objects.ts"
import { type AveragePrecision, averagePrecision } from "../metrics/average-precision.ts"
import { type DetrConfig, detrChannels, featureGrid } from "./config.ts"
import { queryDetections } from "./detections.ts"
import { type DetrOutputs, detr } from "./detr.ts"
import { type DetectionLossOptions, detectionLossDefaults, detectionLosses, targetInputs } from "./losses.ts"
import { featurePadding } from "./positions.ts"
import { type MatchingCosts, matchedTargets, matchingDefaults } from "./targets.ts"

export interface DetectionObjectiveOptions {
  /** Height and width of the batches' images, padding included. */
  readonly imageSize: readonly [number, number]
  /** Whether images may be smaller than that; where none is, attention needs no masks, which is faster. */
  readonly padded: boolean
  /** What is in an image of the data that are measured, by its place among them. */
  readonly truth: (example: number) => Objects
  readonly losses?: Partial<DetectionLossOptions>
  readonly costs?: Partial<MatchingCosts>
}

/** What an evaluation of a detector finds. */
export interface DetectionEvaluation extends AveragePrecision {
  readonly examples: number
}

/**
 * DETR's training for `train` of `@vitrine/trainer`: the model's predictions go to the host, which matches them with the
 * objects, and the loss follows. With several batches a step, its loss is the mean of theirs, by images. It is measured by
 * COCO's AP.
 * @throws VitrineError (shape) for images that the backbone does not take
 */
export function detectionObjective(
  config: DetrConfig,
  { imageSize, padded, truth, losses = {}, costs = {} }: DetectionObjectiveOptions,
): Objective<DetectionBatch, DetectionEvaluation> {
  const grid = featureGrid(config, imageSize)
  const places = grid[0] * grid[1]
  const counted = { ...detectionLossDefaults, ...losses }
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
      const { total } = detectionLosses({ logits, boxes }, targetInputs(config), counted)
      return { losses: total, weights: ops.input("weights", ["batch"]), hostValues: { logits, boxes } }
    },
    prepare: (batch) => {
      const images = batch.weights.reduce((a, b) => a + b)
      // The loss of each image is its share of the batch's already.
      return { inputs: { ...inputs(batch), weights: batch.weights.map((weight) => weight * images) }, total: images }
    },
    hostInputs: ({ logits, boxes }, { targets, weights }) => {
      const real = targets.map((target, row) => (weights[row] === 0 ? null : target))
      const told = matchedTargets(logits?.data ?? [], boxes?.data ?? [], real, config, counted, {
        ...matchingDefaults,
        ...costs,
      })
      return Object.fromEntries(Object.entries(told).map(([name, data]) => [`targets.${name}`, data]))
    },
    measure: {
      outputs: (scope) => {
        const { logits, boxes } = model(scope)
        return { logits: lastLayer(logits), boxes: lastLayer(boxes) }
      },
      pass: () => {
        const expected: Objects[] = []
        const found: Detections[] = []
        return {
          add: async (batch, run) => {
            const { logits, boxes } = await run(inputs(batch))
            for (const [row, example] of batch.examples.entries()) {
              expected.push(truth(example))
              const size = batch.originals[row] as readonly [number, number]
              found.push(queryDetections(logits?.data ?? [], boxes?.data ?? [], row, config, size))
            }
          },
          result: () => ({ examples: found.length, ...averagePrecision(expected, found, config.classes) }),
        }
      },
      score: ({ ap }) => ap,
    },
  }
}

/** Of `[batch, decoderDepth, …]` what the last layer gives, `[batch, …]`. */
export function lastLayer(t: Tensor): Tensor {
  const depth = t.shape[1] as number
  return ops.reshape(ops.slice(t, 1, depth - 1, depth), [t.shape[0] as number, ...t.shape.slice(2)])
}
