import { type Box, boxArea } from "../boxes/boxes.ts"
import { type Objects, packObjects } from "./objects.ts"

/** An image as an annotation file describes it. */
export interface AnnotatedImage {
  /** The file as the annotations name it: a name, or a path below some folder. */
  readonly file: string
  readonly width: number
  readonly height: number
  /** The split of the image, if the annotation file names it. */
  readonly split?: string
  readonly objects: Objects
}

/** An object as an annotation file describes it, before any check. */
export interface RawObject {
  /** The name of the object in errors. */
  readonly name: string
  /** x0, y0, x1, y1. The values can be of any type. */
  readonly box: readonly unknown[]
  readonly label: number
  readonly area?: unknown
  readonly crowd: boolean
}

/**
 * Selects the valid objects. Their boxes are four finite numbers and have an area inside the image. A box that crosses
 * the border of the image is cut.
 * @param fault gets a line for each box that is cut or left out
 */
export function validObjects(
  raw: readonly RawObject[],
  width: number,
  height: number,
  fault: (line: string) => void,
): Objects {
  return packObjects(
    raw.flatMap((object) => {
      const box = validBox(object, width, height, fault)
      if (box === undefined) return []
      const { label, crowd, area } = object
      const annotated = typeof area === "number" && Number.isFinite(area) && area > 0
      return [{ box, label, crowd, area: annotated ? area : boxArea(box) }]
    }),
  )
}

function validBox(
  { name, box }: RawObject,
  width: number,
  height: number,
  fault: (line: string) => void,
): Box | undefined {
  const text = JSON.stringify(box)?.slice(0, 80)
  if (!isBox(box)) {
    fault(`${name}: its box ${text} is not four finite numbers; left out`)
    return undefined
  }
  const [x0, y0, x1, y1] = box
  if (x1 <= x0 || y1 <= y0) {
    fault(`${name}: its box, corners ${text}, has no area; left out`)
    return undefined
  }
  if (x0 >= 0 && y0 >= 0 && x1 <= width && y1 <= height) return box
  const cut = [Math.max(0, x0), Math.max(0, y0), Math.min(width, x1), Math.min(height, y1)] as const
  if (cut[2] <= cut[0] || cut[3] <= cut[1]) {
    fault(`${name}: its box, corners ${text}, lies outside of the image of ${width}×${height}; left out`)
    return undefined
  }
  fault(`${name}: its box, corners ${text}, reaches out of the image of ${width}×${height}; cut`)
  return cut
}

const isBox = (values: readonly unknown[]): values is Box =>
  values.length === 4 && values.every((x) => typeof x === "number" && Number.isFinite(x))

/** Whether a value can be the width or height of an image. */
export const isSize = (n: unknown): n is number =>
  typeof n === "number" && Number.isSafeInteger(n) && n > 0 && n < 2 ** 24
