import type { Image } from "./image.ts"
import type { LabelSets } from "./label-sets.ts"

/** Labelled images, read one by one. */
export interface Dataset {
  readonly name: string
  readonly classes: readonly string[]
  /** Number of examples. */
  readonly length: number
  readonly channels: 1 | 3
  /** The class of each example, [length]. */
  readonly labels: Int32Array
  /** Of data whose images may have several labels. `labels` is then -1 throughout. */
  readonly labelSets?: LabelSets
  /** How to open the same data in another thread; absent for a data set that only this thread can read. */
  readonly source?: DatasetSource
  /** The name of example `index` in errors: a file's name where there is one. */
  describe(index: number): string
  read(index: number): Promise<Image>
  close?(): Promise<void>
}

/** How to open a data set, as plain data that can be cloned to a worker thread. */
export type DatasetSource =
  | ShapesSource
  | PixelsSource
  | IdxSource
  | NpzSource
  | FilesSource
  | PackedSource
  | SubsetSource

/** The built-in drawings (see `shapes`). */
export interface ShapesSource {
  readonly kind: "shapes"
  readonly split: "train" | "val"
  /** Number of examples. */
  readonly size: number
  readonly seed?: number
}

/** Images of one size, in memory. Backed by a SharedArrayBuffer, threads share it without a copy. */
export interface PixelsSource {
  readonly kind: "pixels"
  readonly name: string
  readonly classes: readonly string[]
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
  /** [length, height, width, channels]. */
  readonly pixels: Uint8Array
  readonly labels: Int32Array
  readonly labelSets?: LabelSets
}

/** A pair of IDX files, as MNIST's, plain or gzipped. */
export interface IdxSource {
  readonly kind: "idx"
  readonly images: string
  readonly labels: string
  /** Without it: "0", "1", … up to the greatest label. */
  readonly classes?: readonly string[]
}

/** Two arrays of an .npz file: images, and their labels. */
export interface NpzSource {
  readonly kind: "npz"
  readonly path: string
  /** The names of the arrays. */
  readonly images: string
  readonly labels: string
  readonly classes: readonly string[]
}

/** Image files on disk. */
export interface FilesSource {
  readonly kind: "files"
  readonly name: string
  readonly classes: readonly string[]
  readonly paths: readonly string[]
  readonly labels: Int32Array
  readonly labelSets?: LabelSets
  /** Files that were passed over: hidden, of another kind, or outside a class folder. */
  readonly skipped: number
}

/** Image files inside one archive, by offset in the file, or in `pages` of memory that follow each other. */
export interface PackedSource {
  readonly kind: "packed"
  readonly name: string
  readonly classes: readonly string[]
  readonly path: string
  readonly pages?: readonly Uint8Array[]
  readonly names: readonly string[]
  readonly offsets: Float64Array
  readonly sizes: Float64Array
  readonly labels: Int32Array
  readonly labelSets?: LabelSets
  readonly skipped: number
  /** How a zip holds each file; `offsets` are then those of the headers before them. */
  readonly zip?: {
    readonly compressedSizes: Float64Array
    /** 1 where the file is deflated. */
    readonly deflated: Uint8Array
    /** CRC-32. */
    readonly checksums: Uint32Array
  }
}

/** Some examples of another source, by their places there. */
export interface SubsetSource {
  readonly kind: "subset"
  readonly of: DatasetSource
  readonly examples: Uint32Array
  /** Names of the classes that are left. */
  readonly classes: readonly string[]
}
