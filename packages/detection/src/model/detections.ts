import type { Detections } from "../data/objects.ts"
import type { DetrConfig } from "./config.ts"
import { probabilities } from "./targets.ts"

/** What a detector found in an image. */
export interface QueryDetections extends Detections {
  /** Which query found each object, [n]. */
  readonly queries: Int32Array
}

/**
 * What the queries found in one image of a batch, each with its likeliest class that is an object, best first (`PostProcess`).
 * @param logits `[batch, queries, classes + 1]`
 * @param boxes `[batch, queries, 4]`
 * @param size height and width of the image, in whose pixels the boxes are
 * @param threshold scores above it are kept
 */
export function queryDetections(
  logits: ArrayLike<number>,
  boxes: ArrayLike<number>,
  row: number,
  { classes, queries }: Pick<DetrConfig, "classes" | "queries">,
  [height, width]: readonly [number, number],
  threshold = 0,
): QueryDetections {
  const found = Array.from({ length: queries }, (_, query) => {
    const at = row * queries + query
    const likely = probabilities(logits, at * (classes + 1), classes + 1).subarray(0, classes)
    const score = Math.max(...likely)
    const [cx, cy, w, h] = [0, 1, 2, 3].map((k) => boxes[4 * at + k] as number) as [number, number, number, number]
    const box = [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height]
    return { query, label: likely.indexOf(score), score, box }
  })
  const kept = found.filter(({ score }) => score > threshold).toSorted((a, b) => b.score - a.score)
  return {
    boxes: Float64Array.from(kept.flatMap(({ box }) => box)),
    labels: Int32Array.from(kept, ({ label }) => label),
    scores: Float64Array.from(kept, ({ score }) => score),
    queries: Int32Array.from(kept, ({ query }) => query),
  }
}
