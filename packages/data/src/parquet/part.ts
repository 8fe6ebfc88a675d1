import type { ParquetPart } from "../dataset.ts"
import type { ImageColumn } from "./columns.ts"
import type { ParquetFile } from "./file.ts"
import { isAddress } from "../remote.ts"

/** An open Parquet file. */
export interface OpenPart extends Pick<ParquetPart, "authorization"> {
  readonly path: string
  readonly file: ParquetFile
  /** The name of the split, if the file's name says one. */
  readonly split: string | undefined
}

export type BytesColumn = Extract<ImageColumn, { kind: "bytes" }>

export const isRemote = ({ path }: Pick<OpenPart, "path">): boolean => isAddress(path)

/** Row groups or files that are read at a time. */
export const partsAtOnce = 8
