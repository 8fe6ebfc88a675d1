import { VitrineError } from "@vitrine/core"
import type { FigureName } from "./figure-names.ts"
import type { Drawn, FiguresOptions } from "./figures.ts"

/** How a figure is drawn; `ofImages`: of the images that are given. */
export interface FigureMaker {
  readonly ofImages: boolean
  readonly draw: () => Promise<readonly Drawn[]>
}

/** Draws the figures of a family by a table of what there are; what is left out says why. */
export async function* drawnBy(
  kind: "detector" | "reader",
  makers: Readonly<Partial<Record<FigureName, FigureMaker>>>,
  { images, wanted, strict, status }: FiguresOptions,
): AsyncGenerator<Drawn | { readonly figure: FigureName; readonly left: string }> {
  const known = Object.keys(makers) as FigureName[]
  const byDefault = known.filter((name) => makers[name]?.ofImages === images.length > 0)
  for (const figure of wanted.length > 0 ? wanted : byDefault) {
    const maker = makers[figure]
    status.update(`drawing ${figure}`)
    try {
      if (maker === undefined)
        throw new VitrineError("config", `the figure ${figure} is not of a ${kind}, which has ${known.join(" and ")}`)
      if (maker.ofImages && images.length === 0)
        throw new VitrineError("config", `the figure ${figure} needs images: name some after the model`)
      yield* await maker.draw()
    } catch (error) {
      if (strict || !(VitrineError.isInstance(error) && error.kind === "config")) throw error
      yield { figure, left: error.message }
    }
  }
  status.clear()
}

/** @throws VitrineError (config) for a number that the model does not have so many of. */
export function checkNumbers(
  kind: string,
  given: Readonly<Record<string, readonly [n: number | undefined, count: number]>>,
): void {
  for (const [what, [n, count]] of Object.entries(given))
    if (n !== undefined && n >= count)
      throw new VitrineError("config", `the ${kind} has no ${what} ${n}: there are ${count}, from 0`)
}
