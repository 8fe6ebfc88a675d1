import { boxAt, packBoxes } from "../boxes/boxes.ts"
import type { Detections } from "../data/objects.ts"
import type { DetrConfig } from "./config.ts"
import { probabilities } from "./targets.ts"

/** The detections of an image, with the queries that they come from. */
export interface QueryDetections extends Detections {
  /** The query of each object, [n]. */
  readonly queries: Int32Array
}

/**
 * The detections of one image of a batch, with the highest score first. The class of a query is its most likely class
 * of an object (`PostProcess`).
 * @param logits `[batch, queries, classes + 1]`
 * @param boxes `[batch, queries, 4]`
 * @param size height and width of the image; the resulting boxes are in its pixels
 * @param threshold the result has only detections with higher scores
 */
export function queryDetections(
  logits: ArrayLike<number>,
  boxes: ArrayLike<number>,
  row: number,
  { classes, queries }: Pick<DetrConfig, "classes" | "queries">,
  [height, width]: readonly [number, number],
  threshold = 0,
): QueryDetections {
  const all = Array.from({ length: queries }, (_, query) => {
    const at = row * queries + query
    const likely = probabilities(logits, at * (classes + 1), classes + 1).subarray(0, classes)
    const score = Math.max(...likely)
    const [cx, cy, w, h] = boxAt(boxes, at)
    const box = [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height] as const
    return { query, label: likely.indexOf(score), score, box }
  })
  const detections = all.filter(({ score }) => score > threshold).toSorted((a, b) => b.score - a.score)
  return {
    boxes: packBoxes(detections.map(({ box }) => box)),
    labels: Int32Array.from(detections, ({ label }) => label),
    scores: Float64Array.from(detections, ({ score }) => score),
    queries: Int32Array.from(detections, ({ query }) => query),
  }
}
