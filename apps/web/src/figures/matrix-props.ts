import type { Domain, Scale } from "./colors.ts"
import type { Cell } from "./cursor.ts"
import type { View } from "./view.ts"

/** What the rows or the columns of a matrix are. */
export interface Axis {
  /** Plural, as in "tokens". */
  readonly name: string
  readonly describe: (index: number) => string
  /** The token of index 0, where the axis runs over tokens. */
  readonly firstToken?: number
}

export interface MatrixProps {
  readonly view: View
  /** A symbol, such as "Q", and in words what it is. */
  readonly symbol?: string
  readonly label: string
  readonly rows: Axis
  readonly cols: Axis
  readonly scale?: Scale
  readonly domain?: Domain
  /** Role in the attention, which decides the colour of the frame. */
  readonly tone?: "q" | "k" | "v"
  /** Largest side of a cell, in pixels. */
  readonly cell?: number
  readonly height?: number
  /** More about a cell than its value. */
  readonly explain?: (cell: Cell) => string
  readonly onCell?: (cell: Cell | null) => void
  /** Name of the value in the model. */
  readonly tap?: string
}
