import type { DetectionSource } from "../data/dataset.ts"
import type { Faults } from "../data/faults.ts"

/** The formats of annotations. */
export const annotationFormats = ["coco", "voc"] as const
/** The formats of annotations. */
export type AnnotationFormat = (typeof annotationFormats)[number]

/** How a path becomes data with boxes. */
export interface ResolveDetectionOptions {
  /**
   * The format of the annotations. By default it is COCO's if there are such files, else Pascal VOC's. Of Parquet it
   * says what boxes are: x, y, width and height by default, or corners (`voc`).
   */
  readonly format?: AnnotationFormat | undefined
  /** The share of the images for validation if the data have no validation or test set; 0.1 by default. */
  readonly valFraction?: number | undefined
  /** Decides which images are for validation, and the content of the built-in scenes; 0 by default. */
  readonly seed?: number | undefined
  /** [height, width] of the built-in scenes. */
  readonly imageSize?: readonly [number, number] | undefined
}

/** The data with boxes that a path holds. A split that it lacks is null. */
export interface ResolvedDetection {
  readonly classes: readonly string[]
  readonly train: DetectionSource | null
  readonly val: DetectionSource | null
  readonly test: DetectionSource | null
  /** The annotations that were left out or changed. */
  readonly faults: Faults
}
