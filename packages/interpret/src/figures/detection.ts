import type { Image } from "@vitrine/data"
import { classColor, inkOn } from "../draw/colors.ts"
import { imageElement, toRgb } from "../draw/raster.ts"
import { element, fitted, svg, text, textWidth } from "../draw/svg.ts"

/** An object in an image: found, or annotated. */
export interface LabelledBox {
  /** Corners x0, y0, x1, y1 in pixels of the image. */
  readonly box: readonly [number, number, number, number]
  readonly label: string
  /** Which colour: objects of one class have the same. */
  readonly class: number
  /** In [0, 1], written behind the label. */
  readonly score?: number | undefined
}

/**
 * An image with boxes around objects, each with its label, in a colour for each class; small images are enlarged. Tags stand
 * over, in or under their boxes, where they hide no other as far as there is room.
 */
export function detectionFigure(image: Image, boxes: readonly LabelledBox[]): string {
  const factor = Math.max(1, Math.ceil(leastSide / Math.max(image.width, image.height)))
  const [width, height] = [image.width * factor, image.height * factor]
  const unit = Math.max(1, Math.max(width, height) / 900)
  const size = 13 * unit
  const taken: Area[] = []
  const shown = boxes.map(({ box, label, class: kind, score }) => {
    const color = classColor(kind)
    const [x0, y0, x1, y1] = box.map((edge) => edge * factor) as [number, number, number, number]
    const said = `${label}${score === undefined ? "" : ` ${score.toFixed(2)}`}`
    const words = fitted(said, width - 2 * size, size)
    const tag = placed({ x0, y0, x1, y1 }, textWidth(words, size) + 0.7 * size, 1.35 * size, width, height, taken)
    taken.push(tag)
    const frame = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, fill: "none", rx: unit }
    return {
      box: [
        element("rect", { ...frame, stroke: "#ffffff", "stroke-opacity": 0.7, "stroke-width": 4 * unit }),
        element("rect", { ...frame, stroke: color, "stroke-width": 2.5 * unit }),
      ],
      tag: [
        element("rect", {
          x: tag.x0,
          y: tag.y0,
          width: tag.x1 - tag.x0,
          height: tag.y1 - tag.y0,
          fill: color,
          rx: unit,
        }),
        text(tag.x0 + 0.35 * size, tag.y0 + 1.02 * size, words, { size, fill: inkOn(color), bold: true }),
      ],
    }
  })
  return svg(
    { width, height },
    imageElement(toRgb(image), 0, 0, width, height),
    ...shown.flatMap((each) => each.box),
    ...shown.flatMap((each) => each.tag),
  )
}

/** Images below this are enlarged by a whole factor. */
const leastSide = 640

interface Area {
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
}

/** Where a tag goes: the first of some places inside of the picture that meets no other tag, else the one that meets least. */
function placed(box: Area, width: number, height: number, right: number, bottom: number, taken: readonly Area[]): Area {
  const at = (x: number, y: number): Area => {
    const x0 = Math.max(0, Math.min(x, right - width))
    const y0 = Math.max(0, Math.min(y, bottom - height))
    return { x0, y0, x1: x0 + width, y1: y0 + height }
  }
  const places = [
    at(box.x0, box.y0 - height),
    at(box.x0, box.y0),
    at(box.x1 - width, box.y0 - height),
    at(box.x0, box.y1),
    at(box.x0, box.y1 - height),
    at(box.x1 - width, box.y1),
  ]
  const hidden = (place: Area): number => taken.reduce((sum, other) => sum + shared(place, other), 0)
  return places.reduce((best, place) => (hidden(place) < hidden(best) ? place : best))
}

const shared = (a: Area, b: Area): number =>
  Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0)) * Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0))
