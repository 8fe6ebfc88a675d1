import type { Image } from "@vitrine/data"
import { classColor, inkOn } from "../draw/colors.ts"
import { imageElement } from "../draw/raster.ts"
import { element, fitted, svg, text, textWidth } from "../draw/svg.ts"

/** An object of an image, from a detector or an annotation. */
export interface LabelledBox {
  /** Corners x0, y0, x1, y1 in pixels of the image. */
  readonly box: readonly [number, number, number, number]
  readonly label: string
  /** The index of the class. It decides the colour. */
  readonly class: number
  /** The score in [0, 1]. It stands after the label. */
  readonly score?: number | undefined
}

/** An image whose longer side is smaller is enlarged by a whole factor. */
const leastSide = 640

/**
 * Draws an image with a box around each object, in the colour of its class. Labels stand above, in or below their
 * boxes. They avoid each other if there is room. Small images are enlarged.
 */
export function detectionFigure(image: Image, boxes: readonly LabelledBox[]): string {
  const factor = Math.max(1, Math.ceil(leastSide / Math.max(image.width, image.height)))
  const [width, height] = [image.width * factor, image.height * factor]
  const unit = Math.max(1, Math.max(width, height) / 900)
  const size = 13 * unit
  const tags: Area[] = []
  const objects = boxes.map(({ box, label, class: index, score }) => {
    const color = classColor(index)
    const [x0, y0, x1, y1] = box
    const area = { x0: x0 * factor, y0: y0 * factor, x1: x1 * factor, y1: y1 * factor }
    const words = fitted(score === undefined ? label : `${label} ${score.toFixed(2)}`, width - 2 * size, size)
    const tag = tagPlace(area, textWidth(words, size) + 0.7 * size, 1.35 * size, width, height, tags)
    tags.push(tag)
    const frame = { ...rectangle(area), fill: "none", rx: unit }
    return {
      box: [
        element("rect", { ...frame, stroke: "#ffffff", "stroke-opacity": 0.7, "stroke-width": 4 * unit }),
        element("rect", { ...frame, stroke: color, "stroke-width": 2.5 * unit }),
      ],
      tag: [
        element("rect", { ...rectangle(tag), fill: color, rx: unit }),
        text(tag.x0 + 0.35 * size, tag.y0 + 1.02 * size, words, { size, fill: inkOn(color), bold: true }),
      ],
    }
  })
  return svg(
    { width, height },
    imageElement(image, 0, 0, width, height),
    ...objects.flatMap(({ box }) => box),
    ...objects.flatMap(({ tag }) => tag),
  )
}

interface Area {
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
}

const rectangle = ({ x0, y0, x1, y1 }: Area) => ({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })

/**
 * The place of a label: the first place within the picture that overlaps no other label, or else the one with the least
 * overlap.
 */
function tagPlace(
  box: Area,
  width: number,
  height: number,
  right: number,
  bottom: number,
  tags: readonly Area[],
): Area {
  const at = (x: number, y: number): Area => {
    const x0 = Math.max(0, Math.min(x, right - width))
    const y0 = Math.max(0, Math.min(y, bottom - height))
    return { x0, y0, x1: x0 + width, y1: y0 + height }
  }
  const places = [
    at(box.x0, box.y0),
    at(box.x1 - width, box.y0 - height),
    at(box.x0, box.y1),
    at(box.x0, box.y1 - height),
    at(box.x1 - width, box.y1),
  ]
  const hidden = (place: Area): number => tags.reduce((sum, tag) => sum + common(place, tag), 0)
  return places.reduce((best, place) => (hidden(place) < hidden(best) ? place : best), at(box.x0, box.y0 - height))
}

/** The area of the intersection of two rectangles. */
const common = (a: Area, b: Area): number =>
  Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0)) * Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0))
