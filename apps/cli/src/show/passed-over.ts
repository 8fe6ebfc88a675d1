import { errorColors, note } from "../output.ts"
import { printable } from "./text.ts"

/** Says which files of data were passed over, if any. */
export function notePassedOver({
  data,
  passedOver,
}: {
  readonly data: string
  readonly passedOver: readonly string[]
}): void {
  if (passedOver.length > 0) note(errorColors.yellow(`${printable(data)}: ${passedOverText(passedOver)}`))
}

/** Lines for each kind of files that were passed over, in one. */
export function passedOverText(passedOver: readonly string[]): string {
  return `passed over ${passedOver.map(printable).join("; ")}`
}
