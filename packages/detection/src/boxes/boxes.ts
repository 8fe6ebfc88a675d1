import { VitrineError } from "@vitrine/core"

// Boxes are [n, 4], row by row: corners x0, y0, x1, y1, or centres cx, cy, w, h, all in one unit.

export type Box = readonly [number, number, number, number]

/** cx, cy, w, h → x0, y0, x1, y1, for [n, 4]. */
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

/** x0, y0, x1, y1 → cx, cy, w, h, for [n, 4]. */
export function toCenters(boxes: ArrayLike<number>): Float64Array {
  return packBoxes(boxList(boxes).map(([x0, y0, x1, y1]) => [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0] as const))
}

/** Areas of boxes by corners, [n, 4] → [n]; 0 or less for boxes without an inside. */
export function boxAreas(boxes: ArrayLike<number>): Float64Array {
  return Float64Array.from(boxList(boxes), boxArea)
}

/** The area of a box by its corners. */
export const boxArea = (box: Box): number => (box[2] - box[0]) * (box[3] - box[1])

/** Intersection over union of each pair of boxes by corners, [n, 4] and [m, 4] → [n, m]; 0 for two without area. */
export function boxIou(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return pairs(a, b, (intersection, union) => (union === 0 ? 0 : intersection / union))
}

/**
 * Generalised intersection over union (Rezatofighi et al., 2019, "Generalized Intersection over Union") of each pair of
 * boxes by corners, [n, 4] and [m, 4] → [n, m], in [-1, 1].
 */
export function generalizedBoxIou(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return pairs(a, b, (intersection, union, hull) => {
    const iou = union === 0 ? 0 : intersection / union
    return hull === 0 ? iou : iou - (hull - union) / hull
  })
}

/** A value of the areas of intersection, union and hull of each pair. */
function pairs(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  value: (intersection: number, union: number, hull: number) => number,
): Float64Array {
  const [first, second] = [boxList(a), boxList(b)]
  const out = new Float64Array(first.length * second.length)
  let at = 0
  for (const one of first) {
    const area = boxArea(one)
    for (const other of second) {
      const width = Math.max(0, Math.min(one[2], other[2]) - Math.max(one[0], other[0]))
      const height = Math.max(0, Math.min(one[3], other[3]) - Math.max(one[1], other[1]))
      const hullWidth = Math.max(0, Math.max(one[2], other[2]) - Math.min(one[0], other[0]))
      const hullHeight = Math.max(0, Math.max(one[3], other[3]) - Math.min(one[1], other[1]))
      const intersection = width * height
      out[at++] = value(intersection, area + boxArea(other) - intersection, hullWidth * hullHeight)
    }
  }
  return out
}

/**
 * Boxes [n, 4] as a list.
 * @throws VitrineError (shape) for a number of values that 4 does not divide
 */
export function boxList(boxes: ArrayLike<number>): Box[] {
  if (boxes.length % 4 !== 0) throw new VitrineError("shape", `boxes are [n, 4], got ${boxes.length} numbers`)
  return Array.from({ length: boxes.length / 4 }, (_, i) => boxAt(boxes, i))
}

/** Box `index` of [n, 4]; NaN beyond their end. */
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
