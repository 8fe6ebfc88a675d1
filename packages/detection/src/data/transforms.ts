import { foldKey, type Key, randomStream, VitrineError } from "@vitrine/core"
import { cropImage, type Image, resizeImage, type Size } from "@vitrine/data"
import { mirrored, roundHalfEven } from "@vitrine/data/internal"
import type { Objects } from "./objects.ts"

/** An image with its objects. */
export interface Example {
  readonly image: Image
  readonly objects: Objects
}

/** A step of augmentation for images with boxes: plain data. Those of DETR's `datasets/transforms.py`. */
export type DetectionTransform = Flip | ResizeShortest | SizeCrop | Either

/** Exchanges left and right with probability `p`. */
export interface Flip {
  readonly op: "flip"
  readonly p: number
}

/**
 * Resizes, bilinear, until the shorter side has one of the lengths of `shortest`, drawn at random, or less, so that the
 * image stays within [height, width]: DETR's `RandomResize`, where its `max_size` is a square.
 */
export interface ResizeShortest {
  readonly op: "resizeShortest"
  readonly shortest: readonly number[]
  readonly within?: Size
}

/** Cuts out a part whose sides are drawn from `least` to `most` pixels each, at a random place: DETR's `RandomSizeCrop`. */
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

/** As large as it fits into [height, width], its aspect kept. */
export function detectionEvaluation([height, width]: Size): DetectionTransform[] {
  return [{ op: "resizeShortest", shortest: [Math.min(height, width)], within: [height, width] }]
}

/**
 * Applies the steps to an image and its boxes. A crop cuts boxes, and leaves out those of which no area is left.
 * @param key decides all that is random
 * @throws VitrineError for steps that make no sense
 */
export function transformExample(example: Example, transforms: readonly DetectionTransform[], key: Key): Example {
  return transforms.reduce((current, step, at) => applied(current, step, foldKey(key, at)), example)
}

function applied(example: Example, step: DetectionTransform, key: Key): Example {
  const { image, objects } = example
  const random = randomStream(key)
  switch (step.op) {
    case "flip":
      return random.uniform() < step.p ? flipped(example) : example
    case "resizeShortest": {
      const shortest = step.shortest[random.integer(step.shortest.length)]
      if (shortest === undefined) throw new VitrineError("config", "resizeShortest needs at least one length")
      return resized(example, shortestSize([image.height, image.width], shortest, step.within))
    }
    case "sizeCrop": {
      const side = (length: number): number => {
        const least = Math.min(step.least, length)
        return least + random.integer(Math.min(step.most, length) - least + 1)
      }
      const [width, height] = [side(image.width), side(image.height)]
      const y = random.integer(image.height - height + 1)
      const x = random.integer(image.width - width + 1)
      return { image: cropImage(image, { x, y, width, height }), objects: croppedObjects(objects, x, y, width, height) }
    }
    case "either":
      return transformExample(example, random.uniform() < 0.5 ? step.first : step.second, foldKey(key, "either"))
    default:
      throw new VitrineError("config", `there is no transform ${JSON.stringify((step as { op: unknown }).op)} of boxes`)
  }
}

/** [height, width] after `resizeShortest`, rounded as transformers' DETR does, and never out of `within`. */
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

/** [height, width] that every image of a size has after the steps; undefined where that is drawn at random. */
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
  const boxes = objects.boxes.slice()
  for (let i = 0; i < boxes.length; i += 4) {
    boxes[i] = image.width - (objects.boxes[i + 2] as number)
    boxes[i + 2] = image.width - (objects.boxes[i] as number)
  }
  return { image: mirrored(image), objects: { ...objects, boxes } }
}

export function resized({ image, objects }: Example, [height, width]: Size): Example {
  const [sx, sy] = [width / image.width, height / image.height]
  return {
    image: resizeImage(image, width, height, "bilinear"),
    objects: {
      ...objects,
      boxes: objects.boxes.map((value, i) => value * (i % 2 === 0 ? sx : sy)),
      areas: objects.areas.map((area) => area * sx * sy),
    },
  }
}

/** The objects of the part of an image that begins at (x, y). */
export function croppedObjects(objects: Objects, x: number, y: number, width: number, height: number): Objects {
  const boxes = objects.boxes.map((value, i) =>
    i % 2 === 0 ? Math.min(Math.max(value - x, 0), width) : Math.min(Math.max(value - y, 0), height),
  )
  const at = (i: number, edge: number): number => boxes[4 * i + edge] as number
  const left = Array.from(objects.labels, (_, i) => i).filter((i) => at(i, 2) > at(i, 0) && at(i, 3) > at(i, 1))
  return {
    boxes: Float64Array.from(left.flatMap((i) => [at(i, 0), at(i, 1), at(i, 2), at(i, 3)])),
    labels: Int32Array.from(left, (i) => objects.labels[i] as number),
    areas: Float64Array.from(left, (i) => (at(i, 2) - at(i, 0)) * (at(i, 3) - at(i, 1))),
    crowd: Uint8Array.from(left, (i) => objects.crowd[i] as number),
  }
}
