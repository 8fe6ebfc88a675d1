import type { Admit } from "@vitrine/data/internal"
import type { FilesSource, Image, PackedSource, ParquetSource, Size } from "@vitrine/data"
import type { Objects } from "./objects.ts"

/** Images with their objects, which are read one by one. */
export interface DetectionDataset {
  readonly name: string
  readonly classes: readonly string[]
  /** The number of images. */
  readonly length: number
  /** The data from which another thread can open the same data set. Absent if only this thread can read it. */
  readonly source?: DetectionSource
  /** The name of image `index` in errors: the file's name if there is a file. */
  describe(index: number): string
  objects(index: number): Objects
  /** [height, width, 3]. `admit` is called before an image is decoded that may be large. */
  read(index: number, admit?: Admit): Promise<Image>
  close?(): Promise<void>
}

/** The data from which a data set can be opened. They can be cloned to a worker thread. */
export type DetectionSource = ScenesSource | AnnotatedSource

/** The built-in drawings: see `scenes`. */
export interface ScenesSource {
  readonly kind: "scenes"
  readonly split: "train" | "val" | "test"
  /** The number of images. */
  readonly size: number
  readonly seed?: number
  /** [height, width] of each image; 64×64 by default. */
  readonly imageSize?: Size
}

/** Images in a folder, an archive or Parquet, with objects from annotations. */
export interface AnnotatedSource {
  readonly kind: "annotated"
  readonly name: string
  readonly classes: readonly string[]
  readonly images: FilesSource | PackedSource | ParquetSource
  /** [height, width] of each image by the annotations. */
  readonly sizes: readonly Size[]
  readonly objects: readonly Objects[]
}
