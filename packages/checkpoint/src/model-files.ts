import type { ByteSource } from "@vitrine/archive"

/** The files of a model folder, on a disk, in a page or at an address. */
export interface ModelFiles {
  /** The folder's name in errors. */
  readonly name: string
  /** A file's name in errors. */
  nameOf(file: string): string
  /** A small JSON file; undefined if there is none. */
  json(file: string): Promise<unknown>
  /** A file of weights, which stays open as long as the model; undefined if there is none. */
  open(file: string): Promise<ByteSource | undefined>
}
