import type { ColorScale } from "@vitrine/interpret"
import type { Domain } from "./colors.ts"
import type { Cell } from "./cursor.ts"
import type { View } from "./view.ts"

/** The meaning of the rows or of the columns of a matrix. */
export interface Axis {
  /** The plural name of the rows or columns, such as "tokens". */
  readonly name: string
  readonly describe: (index: number) => string
  /** The token at index 0, if the axis consists of tokens. */
  readonly firstToken?: number
}

export interface MatrixProps {
  readonly view: View
  /** The symbol in formulas, such as "Q". */
  readonly symbol?: string
  readonly label: string
  readonly rows: Axis
  readonly cols: Axis
  readonly scale?: ColorScale
  readonly domain?: Domain
  /** The role in the attention. It decides the colour of the frame. */
  readonly tone?: "q" | "k" | "v"
  /** The greatest side of a cell in pixels. */
  readonly cell?: number
  readonly height?: number
  /** A text about a cell. It stands after the cell's value. */
  readonly explain?: (cell: Cell) => string
  readonly onCell?: (cell: Cell | null) => void
  /** The name of the values in the model. */
  readonly tap?: string
}
