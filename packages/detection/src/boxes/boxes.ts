import { VitrineError } from "@vitrine/core"

// Boxes are [n, 4], row by row: corners x0, y0, x1, y1, or centres cx, cy, w, h. Any unit, as long as it is one.

/** cx, cy, w, h → x0, y0, x1, y1, for [n, 4]. */
export function toCorners(boxes: ArrayLike<number>): Float64Array {
  const out = new Float64Array(4 * boxCount(boxes))
  for (let i = 0; i < out.length; i += 4) {
    const [cx, cy, w, h] = boxAt(boxes, i)
    out[i] = cx - 0.5 * w
    out[i + 1] = cy - 0.5 * h
    out[i + 2] = cx + 0.5 * w
    out[i + 3] = cy + 0.5 * h
  }
  return out
}

/** x0, y0, x1, y1 → cx, cy, w, h, for [n, 4]. */
export function toCenters(boxes: ArrayLike<number>): Float64Array {
  const out = new Float64Array(4 * boxCount(boxes))
  for (let i = 0; i < out.length; i += 4) {
    const [x0, y0, x1, y1] = boxAt(boxes, i)
    out[i] = (x0 + x1) / 2
    out[i + 1] = (y0 + y1) / 2
    out[i + 2] = x1 - x0
    out[i + 3] = y1 - y0
  }
  return out
}

/** Areas of boxes by corners, [n, 4] → [n]; negative or 0 for boxes that hold nothing. */
export function boxAreas(boxes: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: boxCount(boxes) }, (_, i) => {
    const [x0, y0, x1, y1] = boxAt(boxes, 4 * i)
    return (x1 - x0) * (y1 - y0)
  })
}

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

type Box = readonly [number, number, number, number]

/** `value` of the areas of intersection, union and hull (the least box around both) of each pair. */
function pairs(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  value: (intersection: number, union: number, hull: number) => number,
): Float64Array {
  const [n, m] = [boxCount(a), boxCount(b)]
  const [areasA, areasB] = [boxAreas(a), boxAreas(b)]
  const out = new Float64Array(n * m)
  for (let i = 0; i < n; i++) {
    const [x0, y0, x1, y1] = boxAt(a, 4 * i)
    for (let j = 0; j < m; j++) {
      const [u0, v0, u1, v1] = boxAt(b, 4 * j)
      const width = Math.max(0, Math.min(x1, u1) - Math.max(x0, u0))
      const height = Math.max(0, Math.min(y1, v1) - Math.max(y0, v0))
      const hull = Math.max(0, Math.max(x1, u1) - Math.min(x0, u0)) * Math.max(0, Math.max(y1, v1) - Math.min(y0, v0))
      const union = (areasA[i] as number) + (areasB[j] as number) - width * height
      out[i * m + j] = value(width * height, union, hull)
    }
  }
  return out
}

function boxCount(boxes: ArrayLike<number>): number {
  if (boxes.length % 4 !== 0) throw new VitrineError("shape", `boxes are [n, 4], got ${boxes.length} numbers`)
  return boxes.length / 4
}

const boxAt = (boxes: ArrayLike<number>, at: number): Box => [
  boxes[at] as number,
  boxes[at + 1] as number,
  boxes[at + 2] as number,
  boxes[at + 3] as number,
]
