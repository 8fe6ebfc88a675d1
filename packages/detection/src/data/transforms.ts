import { type Fields, foldKey, hasRow, type Key, randomStream, showValue, VitrineError } from "@vitrine/core"
import { cropImage, type Image, resizeImage, type Size } from "@vitrine/data"
import { mirrored, roundHalfEven } from "@vitrine/data/internal"
import { mapBoxes, type Objects, objectList, packObjects } from "./objects.ts"

/** An image with its objects. */
export interface Example {
  readonly image: Image
  readonly objects: Objects
}

/** A step of augmentation for images with boxes: plain data. The steps of DETR's `datasets/transforms.py`. */
export type DetectionTransform = Flip | ResizeShortest | SizeCrop | Either

/** Exchanges left and right with probability `p`. */
export interface Flip {
  readonly op: "flip"
  readonly p: number
}

/**
 * Resizes the shorter side to a random length of `shortest`, bilinear; to less where the image would be larger than `within`,
 * [height, width]. It is DETR's `RandomResize`, where `max_size` is the side of a square.
 */
export interface ResizeShortest {
  readonly op: "resizeShortest"
  readonly shortest: readonly number[]
  readonly within?: Size
}

/** Cuts out a part at a random place. Each side has a random length from `least` to `most` pixels. DETR's `RandomSizeCrop`. */
export interface SizeCrop {
  readonly op: "sizeCrop"
  readonly least: number
  readonly most: number
}

/** One list of steps or the other, with equal probability. */
export interface Either {
  readonly op: "either"
  readonly first: readonly DetectionTransform[]
  readonly second: readonly DetectionTransform[]
}

type Op = DetectionTransform["op"]

interface TransformRow<O extends Op> {
  /** The kind and bounds of the step's fields. */
  readonly fields: Fields
  /** The names of its fields that are lists of steps. */
  readonly nested?: readonly string[]
  readonly apply: (example: Example, step: Extract<DetectionTransform, { readonly op: O }>, key: Key) => Example
}

const side = { kind: "number", integer: true, from: 1, to: 16384 } as const

/** Every step by its name. */
export const detectionTransforms: { readonly [O in Op]: TransformRow<O> } = {
  flip: {
    fields: { p: { kind: "number", from: 0, to: 1 } },
    apply: (example, { p }, key) => (randomStream(key).uniform() < p ? flipped(example) : example),
  },
  resizeShortest: {
    fields: {
      shortest: { kind: "list", of: side },
      within: { kind: "tuple", of: [side, side], optional: true },
    },
    apply(example, { shortest, within }, key) {
      const length = shortest[randomStream(key).integer(shortest.length)]
      if (length === undefined) throw new VitrineError("config", "resizeShortest needs at least one length")
      return resized(example, shortestSize([example.image.height, example.image.width], length, within))
    },
  },
  sizeCrop: {
    fields: { least: side, most: side },
    apply({ image, objects }, { least, most }, key) {
      const random = randomStream(key)
      const side = (length: number): number => {
        const shortest = Math.min(least, length)
        return shortest + random.integer(Math.min(most, length) - shortest + 1)
      }
      const [width, height] = [side(image.width), side(image.height)]
      const y = random.integer(image.height - height + 1)
      const x = random.integer(image.width - width + 1)
      return { image: cropImage(image, { x, y, width, height }), objects: croppedObjects(objects, x, y, width, height) }
    },
  },
  either: {
    fields: {},
    nested: ["first", "second"],
    apply: (example, { first, second }, key) =>
      transformExample(example, randomStream(key).uniform() < 0.5 ? first : second, foldKey(key, "either")),
  },
}

/** DETR's augmentation, its lengths of 480 to 800 pixels scaled to images of [height, width]. */
export function detectionTraining([height, width]: Size): DetectionTransform[] {
  const scaled = (length: number): number => Math.max(1, Math.round((length * Math.min(height, width)) / 800))
  const lengths = (from: number, to: number, by: number): number[] => [
    ...new Set(Array.from({ length: (to - from) / by + 1 }, (_, i) => scaled(from + i * by))),
  ]
  const resize: ResizeShortest = { op: "resizeShortest", shortest: lengths(480, 800, 32), within: [height, width] }
  return [
    { op: "flip", p: 0.5 },
    {
      op: "either",
      first: [resize],
      second: [
        { op: "resizeShortest", shortest: lengths(400, 600, 100) },
        { op: "sizeCrop", least: scaled(384), most: scaled(600) },
        resize,
      ],
    },
  ]
}

/** Resizing to the largest size within [height, width] that keeps the aspect. */
export function detectionEvaluation([height, width]: Size): DetectionTransform[] {
  return [{ op: "resizeShortest", shortest: [Math.min(height, width)], within: [height, width] }]
}

/**
 * Applies steps to an image and its boxes. A crop cuts boxes, and leaves out those without an area inside.
 * @param key decides everything random
 * @throws VitrineError (config) for an unknown step
 */
export function transformExample(example: Example, transforms: readonly DetectionTransform[], key: Key): Example {
  return transforms.reduce((current, step, at) => applyStep(current, step, foldKey(key, at)), example)
}

function applyStep<O extends Op>(
  example: Example,
  step: Extract<DetectionTransform, { readonly op: O }>,
  key: Key,
): Example {
  if (!hasRow(detectionTransforms, step.op))
    throw new VitrineError("config", `there is no transform ${showValue(step.op)} of boxes`)
  return detectionTransforms[step.op].apply(example, step, key)
}

/** [height, width] after `resizeShortest`, rounded as transformers' DETR does, and never beyond `within`. */
export function shortestSize([height, width]: Size, shortest: number, within?: Size): Size {
  const [short, long] = [Math.min(height, width), Math.max(height, width)]
  const [other, most] = within === undefined ? [Infinity, Infinity] : width >= height ? within : [within[1], within[0]]
  const fitting = (long / short) * shortest > most ? (most * short) / long : shortest
  const exact = Math.min(fitting, other)
  const small = Math.max(1, Math.min(roundHalfEven(exact), other))
  const large = small === short && exact === shortest ? long : Math.trunc((exact * long) / short)
  const side = Math.max(1, Math.min(large, most))
  return width < height ? [side, small] : [small, side]
}

/** [height, width] that every image of a size has after the steps; undefined where it is drawn at random. */
export function sizeAfter(transforms: readonly DetectionTransform[], size: Size): Size | undefined {
  let current = size
  for (const step of transforms) {
    if (step.op === "flip") continue
    const [shortest, ...others] = step.op === "resizeShortest" ? step.shortest : []
    if (step.op !== "resizeShortest" || shortest === undefined || others.length > 0) return undefined
    current = shortestSize(current, shortest, step.within)
  }
  return current
}

export function flipped({ image, objects }: Example): Example {
  const { width } = image
  return { image: mirrored(image), objects: mapBoxes(objects, ([x0, y0, x1, y1]) => [width - x1, y0, width - x0, y1]) }
}

export function resized({ image, objects }: Example, [height, width]: Size): Example {
  const [sx, sy] = [width / image.width, height / image.height]
  return {
    image: resizeImage(image, width, height, "bilinear"),
    objects: {
      ...mapBoxes(objects, ([x0, y0, x1, y1]) => [x0 * sx, y0 * sy, x1 * sx, y1 * sy]),
      areas: objects.areas.map((area) => area * sx * sy),
    },
  }
}

/** The objects of the part of an image that begins at (x, y). */
export function croppedObjects(objects: Objects, x: number, y: number, width: number, height: number): Objects {
  const across = (value: number): number => Math.min(Math.max(value - x, 0), width)
  const down = (value: number): number => Math.min(Math.max(value - y, 0), height)
  return packObjects(
    objectList(objects).flatMap(({ box, ...object }) => {
      const [x0, y0, x1, y1] = [across(box[0]), down(box[1]), across(box[2]), down(box[3])]
      return x1 > x0 && y1 > y0 ? [{ ...object, box: [x0, y0, x1, y1], area: (x1 - x0) * (y1 - y0) }] : []
    }),
  )
}
