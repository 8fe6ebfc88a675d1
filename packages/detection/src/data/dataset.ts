import type { FilesSource, Image, PackedSource, Size } from "@vitrine/data"
import type { Objects } from "./objects.ts"

/** Images and the objects in them, read one by one. */
export interface DetectionDataset {
  readonly name: string
  readonly classes: readonly string[]
  /** The number of images. */
  readonly length: number
  /** How to open the same data in another thread; absent for a data set that only this thread can read. */
  readonly source?: DetectionSource
  /** The name of image `index` in errors: a file's name where there is one. */
  describe(index: number): string
  objects(index: number): Objects
  /** [height, width, 3]. */
  read(index: number): Promise<Image>
  close?(): Promise<void>
}

/** How to open a data set: plain data that can be cloned to a worker thread. */
export type DetectionSource = ScenesSource | AnnotatedSource

/** The built-in drawings, see `scenes`. */
export interface ScenesSource {
  readonly kind: "scenes"
  readonly split: "train" | "val" | "test"
  /** The number of images. */
  readonly size: number
  readonly seed?: number
  /** [height, width] of each; default 64×64. */
  readonly imageSize?: Size
}

/** Images in a folder or an archive, with objects from annotation files. */
export interface AnnotatedSource {
  readonly kind: "annotated"
  readonly name: string
  readonly classes: readonly string[]
  readonly images: FilesSource | PackedSource
  /** [height, width] that the annotations give for each image. */
  readonly sizes: readonly Size[]
  readonly objects: readonly Objects[]
}
