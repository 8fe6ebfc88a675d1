import type { Image } from "../image.ts"

/** Images of lines of text, read one by one. */
export interface LineSet {
  readonly name: string
  /** Number of lines. */
  readonly length: number
  readonly channels: 1 | 3
  /** [height, width] that no image exceeds, where that is known. */
  readonly largest?: readonly [height: number, width: number]
  /** Of texts that are drawn: the characters that they are made of, and the most that one has. */
  readonly drawn?: { readonly characters: readonly string[]; readonly longest: number }
  /** What stands in line `index`. */
  text(index: number): string
  /** What an error about line `index` should call it: a file's name where there is one. */
  describe(index: number): string
  /** The images need not be of one size. */
  read(index: number): Promise<Image>
  close?(): Promise<void>
}
