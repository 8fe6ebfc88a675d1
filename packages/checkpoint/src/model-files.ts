import type { ByteSource } from "@vitrine/archive"

/** The files of a model folder: on a disk, in a page or at an address. */
export interface ModelFiles {
  /** The folder's name in errors. */
  readonly name: string
  /** The name of a file in errors. */
  nameOf(file: string): string
  /** Reads a small JSON file. Returns undefined if there is none. */
  json(file: string): Promise<unknown>
  /** Opens a file of weights, which stays open as long as the model. Returns undefined if there is none. */
  open(file: string): Promise<ByteSource | undefined>
}
