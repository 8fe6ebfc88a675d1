import type { Image } from "../image.ts"
import type { Admit } from "../read-ahead.ts"

/** Images of lines of text, which are read one by one. */
export interface LineSet {
  readonly name: string
  /** The number of lines. */
  readonly length: number
  readonly channels: 1 | 3
  /** The greatest [height, width] of an image, if it is known. */
  readonly largest?: readonly [height: number, width: number]
  /** For random texts: their characters, and the length of the longest text. */
  readonly drawn?: { readonly characters: readonly string[]; readonly longest: number }
  /** The text of line `index`. */
  text(index: number): string
  /** The name of line `index` in errors: the file's name if there is a file. */
  describe(index: number): string
  /** The image of line `index`. Images may have different sizes. `admit` is called before one is decoded. */
  read(index: number, admit?: Admit): Promise<Image>
  close?(): Promise<void>
}
