import { type Box, boxAt, boxList, packBoxes } from "../boxes/boxes.ts"

/** The annotated objects of one image. */
export interface Objects {
  /** Corners x0, y0, x1, y1 in pixels, [n, 4]. */
  readonly boxes: Float64Array
  /** Classes, [n]. */
  readonly labels: Int32Array
  /**
   * The area of each object in square pixels, [n]: COCO's area of the outline, or else the area of the box. It decides
   * whether an object is small, medium or large.
   */
  readonly areas: Float64Array
  /**
   * 1 for a crowd (COCO's `iscrowd`, VOC's `difficult`), [n]. A model does not learn from a crowd, and a detection of
   * it is neither right nor wrong.
   */
  readonly crowd: Uint8Array
}

/** The objects that a model detects in one image. */
export interface Detections {
  /** Corners x0, y0, x1, y1 in pixels, [n, 4]. */
  readonly boxes: Float64Array
  /** Classes, [n]. */
  readonly labels: Int32Array
  /** The scores, [n]. Detections with greater scores are matched first. */
  readonly scores: Float64Array
}

/** One object of an image. */
export interface SingleObject {
  readonly box: Box
  readonly label: number
  readonly area: number
  readonly crowd: boolean
}

/** The objects of an image as a list. */
export function objectList({ boxes, labels, areas, crowd }: Objects): SingleObject[] {
  return Array.from(labels, (label, i) => ({
    box: boxAt(boxes, i),
    label,
    area: areas[i] ?? Number.NaN,
    crowd: crowd[i] === 1,
  }))
}

/** Packs single objects into the objects of an image. */
export function packObjects(list: readonly SingleObject[]): Objects {
  return {
    boxes: packBoxes(list.map(({ box }) => box)),
    labels: Int32Array.from(list, ({ label }) => label),
    areas: Float64Array.from(list, ({ area }) => area),
    crowd: Uint8Array.from(list, ({ crowd }) => Number(crowd)),
  }
}

/** Replaces the box of each object. */
export const mapBoxes = (objects: Objects, change: (box: Box) => Box): Objects => ({
  ...objects,
  boxes: packBoxes(boxList(objects.boxes).map(change)),
})
