import { VitrineError } from "@vitrine/core"
import type { Image } from "vitrine"
import type { FigureName } from "./figure-names.ts"
import { type Drawn, drawnCurve, type FiguresOptions, mostImages, numbered } from "./figures.ts"

/** How a figure is drawn; `ofImages`: of the images that are given. */
interface FigureMaker {
  readonly ofImages: boolean
  readonly draw: () => AsyncIterable<Drawn>
}

/**
 * Draws the figures of a model that is no classifier: its attention in each image, and the curve of its run; what is left
 * out says why.
 * @param attention the attention in an image, as a file of this name
 */
export async function* drawnBy(
  kind: "detector" | "reader",
  attention: (path: string, image: Image, file: string) => Promise<Drawn>,
  { path, images, looks, wanted, strict, status }: FiguresOptions & { readonly path: string },
): AsyncGenerator<Drawn | { readonly figure: FigureName; readonly left: string }> {
  const makers: Readonly<Partial<Record<FigureName, FigureMaker>>> = {
    attention: {
      ofImages: true,
      async *draw() {
        for (const [i, { file, image }] of images.slice(0, mostImages).entries())
          yield await attention(file, image, numbered("attention", i, images.length))
      },
    },
    curve: {
      ofImages: false,
      async *draw() {
        yield await drawnCurve(path, looks)
      },
    },
  }
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
      yield* maker.draw()
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
