import { type Fields, foldKey, hasRow, type Key, randomStream, showValue, VitrineError } from "@vitrine/core"
import { cropImage, type Image, resizeImage, type Size } from "@vitrine/data"
import { mirrored, roundHalfEven } from "@vitrine/data/internal"
import { mapBoxes, type Objects, objectList, packObjects } from "./objects.ts"

/** An image with its objects. */
export interface Example {
  readonly image: Image
  readonly objects: Objects
}

/**
 * A transform of an image with its boxes, as plain data. The transforms are those of DETR's `datasets/transforms.py`.
 */
export type DetectionTransform = Flip | ResizeShortest | SizeCrop | Either

/** Mirrors the image left to right with probability `p`. */
export interface Flip {
  readonly op: "flip"
  readonly p: number
}

/**
 * Resizes the image so that its shorter side has a random length from `shortest`, by bilinear interpolation. If the
 * image would then exceed `within`, [height, width], it becomes smaller. DETR calls it `RandomResize`; its `max_size`
 * is the side of a square.
 */
export interface ResizeShortest {
  readonly op: "resizeShortest"
  readonly shortest: readonly number[]
  readonly within?: Size
}

/** Crops a random part. Each side has a random length from `least` to `most` pixels. DETR calls it `RandomSizeCrop`. */
export interface SizeCrop {
  readonly op: "sizeCrop"
  readonly least: number
  readonly most: number
}

/** Applies one of two lists of transforms, with equal probability. */
export interface Either {
  readonly op: "either"
  readonly first: readonly DetectionTransform[]
  readonly second: readonly DetectionTransform[]
}

type Op = DetectionTransform["op"]

interface TransformRow<O extends Op> {
  /** The kind and bounds of the transform's fields. */
  readonly fields: Fields
  /** The names of those fields that are lists of transforms. */
  readonly nested?: readonly string[]
  readonly apply: (example: Example, step: Extract<DetectionTransform, { readonly op: O }>, key: Key) => Example
}

const side = { kind: "number", integer: true, from: 1, to: 16384 } as const

/** All transforms by their names. */
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

/** DETR's augmentation. Its lengths of 480 to 800 pixels are scaled to images of [height, width]. */
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

/** Resizes to the largest size within [height, width] with the same aspect ratio. */
export function detectionEvaluation([height, width]: Size): DetectionTransform[] {
  return [{ op: "resizeShortest", shortest: [Math.min(height, width)], within: [height, width] }]
}

/**
 * Applies transforms to an image and its boxes. A crop cuts boxes, and drops boxes that have no area inside it.
 * @param key decides everything random
 * @throws VitrineError (config) for an unknown transform
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

/**
 * The size [height, width] after `resizeShortest`. It is rounded as in transformers' DETR, and never exceeds `within`.
 */
export function shortestSize([height, width]: Size, shortest: number, within?: Size): Size {
  const [short, long] = [Math.min(height, width), Math.max(height, width)]
  const [shortMost, longMost] =
    within === undefined ? [Infinity, Infinity] : width >= height ? within : [within[1], within[0]]
  const fitting = (long / short) * shortest > longMost ? (longMost * short) / long : shortest
  const exact = Math.min(fitting, shortMost)
  const small = Math.max(1, Math.min(roundHalfEven(exact), shortMost))
  const large = small === short && exact === shortest ? long : Math.trunc((exact * long) / short)
  const side = Math.max(1, Math.min(large, longMost))
  return width < height ? [side, small] : [small, side]
}

/** The size [height, width] after the transforms of every image of one size. It is undefined if the size is random. */
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

/** The objects in the part of an image that begins at (x, y). */
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
