import { VitrineError } from "@vitrine/core"

// Boxes are [n, 4], one box a row: corners x0, y0, x1, y1 or centres cx, cy, w, h, in one unit.

export type Box = readonly [number, number, number, number]

/** Converts boxes [n, 4] from cx, cy, w, h to x0, y0, x1, y1. */
export function toCorners(boxes: ArrayLike<number>): Float64Array {
  return packBoxes(
    boxList(boxes).map((box) => [
      box[0] - 0.5 * box[2],
      box[1] - 0.5 * box[3],
      box[0] + 0.5 * box[2],
      box[1] + 0.5 * box[3],
    ]),
  )
}

/** Converts boxes [n, 4] from x0, y0, x1, y1 to cx, cy, w, h. */
export function toCenters(boxes: ArrayLike<number>): Float64Array {
  return packBoxes(boxList(boxes).map(([x0, y0, x1, y1]) => [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0] as const))
}

/** Areas of boxes with corners, [n, 4] → [n]. The area of an empty box is 0 or less. */
export function boxAreas(boxes: ArrayLike<number>): Float64Array {
  return Float64Array.from(boxList(boxes), boxArea)
}

/** The area of a box with corners. */
export const boxArea = (box: Box): number => (box[2] - box[0]) * (box[3] - box[1])

/**
 * Intersection over union of each pair of boxes with corners, [n, 4] and [m, 4] → [n, m]. It is 0 if both boxes are
 * empty.
 */
export function boxIou(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return pairs(a, b, (intersection, union) => (union === 0 ? 0 : intersection / union))
}

/**
 * Generalised intersection over union (Rezatofighi et al., 2019, "Generalized Intersection over Union") of each pair of
 * boxes with corners, [n, 4] and [m, 4] → [n, m], in [-1, 1].
 */
export function generalizedBoxIou(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return pairs(a, b, (intersection, union, hull) => {
    const iou = union === 0 ? 0 : intersection / union
    return hull === 0 ? iou : iou - (hull - union) / hull
  })
}

/** Computes a value for each pair of boxes from the areas of their intersection, union and hull. */
function pairs(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  value: (intersection: number, union: number, hull: number) => number,
): Float64Array {
  const [first, second] = [boxList(a), boxList(b)]
  const out = new Float64Array(first.length * second.length)
  let at = 0
  for (const boxA of first) {
    const area = boxArea(boxA)
    for (const boxB of second) {
      const width = Math.max(0, Math.min(boxA[2], boxB[2]) - Math.max(boxA[0], boxB[0]))
      const height = Math.max(0, Math.min(boxA[3], boxB[3]) - Math.max(boxA[1], boxB[1]))
      const hullWidth = Math.max(0, Math.max(boxA[2], boxB[2]) - Math.min(boxA[0], boxB[0]))
      const hullHeight = Math.max(0, Math.max(boxA[3], boxB[3]) - Math.min(boxA[1], boxB[1]))
      const intersection = width * height
      out[at++] = value(intersection, area + boxArea(boxB) - intersection, hullWidth * hullHeight)
    }
  }
  return out
}

/**
 * Boxes [n, 4] as a list.
 * @throws VitrineError (shape) if the number of values is no multiple of 4
 */
export function boxList(boxes: ArrayLike<number>): Box[] {
  if (boxes.length % 4 !== 0) throw new VitrineError("shape", `boxes are [n, 4], got ${boxes.length} numbers`)
  return Array.from({ length: boxes.length / 4 }, (_, i) => boxAt(boxes, i))
}

/** Box `index` of [n, 4]; NaN beyond the last box. */
export const boxAt = (boxes: ArrayLike<number>, index: number): Box => [
  boxes[4 * index] ?? Number.NaN,
  boxes[4 * index + 1] ?? Number.NaN,
  boxes[4 * index + 2] ?? Number.NaN,
  boxes[4 * index + 3] ?? Number.NaN,
]

/** A list of boxes as [n, 4]. */
export function packBoxes(boxes: readonly Box[]): Float64Array {
  const out = new Float64Array(4 * boxes.length)
  for (const [i, box] of boxes.entries()) out.set(box, 4 * i)
  return out
}
