import type { Image } from "./image.ts"
import type { LabelSets } from "./label-sets.ts"
import type { Order } from "./order.ts"
import type { Admit } from "./read-ahead.ts"

/** Labelled images that are read one by one. */
export interface Dataset {
  readonly name: string
  readonly classes: readonly string[]
  /** The number of examples. */
  readonly length: number
  readonly channels: 1 | 3
  /** The class of each example, [length]. */
  readonly labels: Int32Array
  /** The labels of images that may have several. Then `labels` is -1 for all. */
  readonly labelSets?: LabelSets
  /** The data from which another thread can open the same data set. Absent if only this thread can read it. */
  readonly source?: DatasetSource
  /** The order in which shuffled epochs read the examples; exact by default. */
  readonly order?: Order
  /** The name of example `index` in errors: the file's name if there is a file. */
  describe(index: number): string
  /** Reads an image. `admit` is called before one is decoded that may be large. */
  read(index: number, admit?: Admit): Promise<Image>
  /**
   * The bytes of an example's image file, for data that consist of such files.
   * @throws BrokenImageError for an image that is missing
   */
  bytes?(index: number): Promise<Uint8Array>
  /** The number of examples, from the first on, that are cheap to look at. All by default. */
  readonly reach?: number
  /**
   * Reads the blocks of some examples in advance. Data have it whose bytes are read a block at a time: one thread reads
   * them for all threads that decode.
   */
  prefetch?(examples: Uint32Array): void
  close?(): Promise<void>
}

/** The data from which a data set can be opened. They are plain, so that they can be cloned to a worker thread. */
export type DatasetSource =
  | ShapesSource
  | PixelsSource
  | IdxSource
  | NpzSource
  | FilesSource
  | PackedSource
  | ParquetSource
  | ShardsSource
  | SubsetSource

/** The built-in drawings: see `shapes`. */
export interface ShapesSource {
  readonly kind: "shapes"
  readonly split: "train" | "val"
  /** The number of examples. */
  readonly size: number
  readonly seed?: number
}

/** Images of one size in memory. If a SharedArrayBuffer holds them, threads share them without copying. */
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

/** A pair of IDX files as in MNIST, plain or gzipped. */
export interface IdxSource {
  readonly kind: "idx"
  readonly images: string
  readonly labels: string
  /** The names of the classes. By default they are "0", "1", … up to the greatest label. */
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
  readonly paths: readonly string[] | SharedPaths
  readonly labels: Int32Array
  readonly labelSets?: LabelSets
  /** The number of files that were passed over: hidden, of another kind, or outside a class folder. */
  readonly skipped: number
}

/** The paths of files in buffers that threads share. As strings, each thread would have a copy of them. */
export interface SharedPaths {
  /** The folder from which the paths start. */
  readonly folder: string
  /** The paths in UTF-8, with "/" between their parts. Each stands behind its length, which has two bytes. */
  readonly pages: readonly Uint8Array[]
  /** The place of each path, counted through the pages, which have one size. */
  readonly starts: Uint32Array
}

/** Image files in an archive, by their offsets in the file, or in consecutive `pages` of memory. */
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
  /** How each file is stored in a zip. `offsets` are then those of the headers. */
  readonly zip?: {
    readonly compressedSizes: Float64Array
    /** 1 if the file is deflated. */
    readonly deflated: Uint8Array
    /** The CRC-32 of each file. */
    readonly checksums: Uint32Array
  }
}

/** Images in Parquet files. */
export interface ParquetSource {
  readonly kind: "parquet"
  readonly name: string
  readonly classes: readonly string[]
  readonly files: readonly ParquetPart[]
  /** The path of the column with the bytes of images, whose parts are separated by ".". */
  readonly column: string
  /** The row of each example, counted through all files. */
  readonly rows: Uint32Array
  readonly labels: Int32Array
  readonly labelSets?: LabelSets
  /** The place of each row's image in its file, or in `pages`. Absent if images are read a block of rows at a time. */
  readonly index?: { readonly offsets: Float64Array; readonly sizes: Float64Array }
  /** The images in memory, in pages of one size that threads share. */
  readonly pages?: readonly Uint8Array[]
  readonly order: Order
}

/** A Parquet file, and the number of its rows. */
export interface ParquetPart {
  /** The path, or the address on a server. */
  readonly path: string
  /** The header `Authorization` for the host of an address. */
  readonly authorization?: string | undefined
  readonly rows: number
  readonly bytes: number
}

/** Images in tar shards, such as those of WebDataset, by their places. */
export interface ShardsSource {
  readonly kind: "shards"
  readonly name: string
  readonly classes: readonly string[]
  /** The paths of the shards, or their addresses on servers. */
  readonly paths: readonly string[]
  /** The sizes of the shards. */
  readonly bytes: readonly number[]
  /** The order of shards on servers. Images of others are read in any order. */
  readonly order?: Order
  /** The shard of each image. */
  readonly shards: Uint32Array
  readonly names: readonly string[]
  readonly offsets: Float64Array
  readonly sizes: Float64Array
  readonly labels: Int32Array
  readonly labelSets?: LabelSets
}

/** Some examples of another source, by their indices in it. */
export interface SubsetSource {
  readonly kind: "subset"
  readonly of: DatasetSource
  readonly examples: Uint32Array
  /** The names of the remaining classes. */
  readonly classes: readonly string[]
}
