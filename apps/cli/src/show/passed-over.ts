import { errorColors, note } from "../output.ts"
import { printable } from "./text.ts"

/** Says which files of data were passed over, and which images are broken, if any. */
export function notePassedOver({ data, passedOver, broken = [] }: DataFaults): void {
  for (const message of broken) note(errorColors.yellow(`passed over ${printable(message)}`))
  if (passedOver.length > 0) note(errorColors.yellow(`${printable(data)}: ${passedOverText(passedOver)}`))
}

interface DataFaults {
  readonly data: string
  readonly passedOver: readonly string[]
  readonly broken?: readonly string[]
}

/** Joins the lines for each kind of passed-over files to one text. */
export function passedOverText(passedOver: readonly string[]): string {
  return `passed over ${passedOver.map(printable).join("; ")}`
}
