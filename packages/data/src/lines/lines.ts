import type { Image } from "../image.ts"

/** Images of lines of text, read one by one. */
export interface LineSet {
  readonly name: string
  /** Number of lines. */
  readonly length: number
  readonly channels: 1 | 3
  /** The greatest [height, width] of an image, where it is known. */
  readonly largest?: readonly [height: number, width: number]
  /** For texts that are drawn at random: their characters, and the length of the longest. */
  readonly drawn?: { readonly characters: readonly string[]; readonly longest: number }
  /** The text of line `index`. */
  text(index: number): string
  /** The name of line `index` in errors: a file's name where there is one. */
  describe(index: number): string
  /** The image of line `index`. Images need not be of one size. */
  read(index: number): Promise<Image>
  close?(): Promise<void>
}
