/** The objects of one image, as they are annotated. */
export interface Objects {
  /** Corners x0, y0, x1, y1 in pixels, [n, 4]. */
  readonly boxes: Float64Array
  /** Classes, [n]. */
  readonly labels: Int32Array
  /** What makes an object small, medium or large: COCO's area of its outline, else that of its box; square pixels, [n]. */
  readonly areas: Float64Array
  /** 1: not learned from, and neither to be found nor wrong to be found (COCO's `iscrowd`, VOC's `difficult`), [n]. */
  readonly crowd: Uint8Array
}

/** What a model finds in one image. */
export interface Detections {
  /** Corners x0, y0, x1, y1 in pixels, [n, 4]. */
  readonly boxes: Float64Array
  /** Classes, [n]. */
  readonly labels: Int32Array
  /** [n]; the greatest counts first. */
  readonly scores: Float64Array
}
