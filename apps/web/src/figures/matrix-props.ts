import type { ColorScale } from "@vitrine/interpret"
import type { Domain } from "./colors.ts"
import type { Cell } from "./cursor.ts"
import type { View } from "./view.ts"

/** The meaning of the rows or of the columns of a matrix. */
export interface Axis {
  /** Plural, as in "tokens". */
  readonly name: string
  readonly describe: (index: number) => string
  /** The token of index 0, where the axis runs over tokens. */
  readonly firstToken?: number
}

export interface MatrixProps {
  readonly view: View
  /** Such as "Q". */
  readonly symbol?: string
  readonly label: string
  readonly rows: Axis
  readonly cols: Axis
  readonly scale?: ColorScale
  readonly domain?: Domain
  /** The role in the attention, which decides the colour of the frame. */
  readonly tone?: "q" | "k" | "v"
  /** Largest side of a cell, in pixels. */
  readonly cell?: number
  readonly height?: number
  /** More about a cell, after its value. */
  readonly explain?: (cell: Cell) => string
  readonly onCell?: (cell: Cell | null) => void
  /** The name of the values in the model. */
  readonly tap?: string
}
