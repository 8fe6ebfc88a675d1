import { VitrineError } from "@vitrine/core"
import { type Box, boxArea, boxList } from "../boxes/boxes.ts"
import type { Detections, Objects } from "../data/objects.ts"

/** COCO's twelve measures of boxes, and AP by class. Each is in [0, 1], or -1 if there are no objects. */
export interface AveragePrecision {
  /** The mean AP over the overlaps 0.5, 0.55 … 0.95 and over classes. */
  readonly ap: number
  /** AP at an overlap of 0.5, and of 0.75. */
  readonly ap50: number
  readonly ap75: number
  /** AP of objects with up to 32², up to 96², and more square pixels. */
  readonly apSmall: number
  readonly apMedium: number
  readonly apLarge: number
  /** Mean recall with at most 1, 10 and 100 detections of a class in an image. */
  readonly ar1: number
  readonly ar10: number
  readonly ar100: number
  readonly arSmall: number
  readonly arMedium: number
  readonly arLarge: number
  /** AP of each class, [classes]. */
  readonly classes: readonly number[]
}

const spaced = (from: number, to: number, count: number): number[] =>
  // numpy's linspace multiplies a rounded step. This rounding decides whether a ratio is above or below a threshold.
  Array.from({ length: count }, (_, i) => (i === count - 1 ? to : from + i * ((to - from) / (count - 1))))

const overlaps = spaced(0.5, 0.95, 10)
const recalls = spaced(0, 1, 101)
const mostDetections = 100
const areaRanges = { all: [0, 1e10], small: [0, 1024], medium: [1024, 9216], large: [9216, 1e10] } as const

/**
 * The average precision and recall of boxes as COCO defines them and pycocotools' `COCOeval` computes them: with 101
 * points of recall, at most 100 detections of a class in an image, and crowds that match any number of detections.
 * @param truth the objects of each image
 * @param detections the detections of each image, in the same order
 * @throws VitrineError (shape) for lists of different lengths, unknown classes, and scores or boxes that are NaN
 */
export function averagePrecision(
  truth: readonly Objects[],
  detections: readonly Detections[],
  classes: number,
): AveragePrecision {
  if (truth.length !== detections.length)
    throw new VitrineError(
      "shape",
      `averagePrecision: ${detections.length} images have detections, ${truth.length} objects`,
    )
  const objectsByImage = truth.map((objects, image) => objectsByClass(objects, image, classes))
  const pairs = Array.from({ length: classes }, (): ImagePair[] => [])
  for (const [image, list] of detections.entries()) {
    const objects = objectsByImage[image] ?? new Map<number, CocoObject[]>()
    const detected = detectionsByClass(list, image, classes, objects)
    for (const label of new Set([...objects.keys(), ...detected.keys()]))
      pairs[label]?.push({ objects: objects.get(label) ?? [], detections: detected.get(label) ?? [] })
  }
  const curves = (range: keyof typeof areaRanges, most: number): Curve[] =>
    pairs.map((images) => precisionRecall(images.map((pair) => matchPair(pair, areaRanges[range], most))))
  const all = curves("all", mostDetections)
  const [small, medium, large] = [
    curves("small", mostDetections),
    curves("medium", mostDetections),
    curves("large", mostDetections),
  ]
  return {
    ap: precision(all),
    ap50: precision(all, 0),
    ap75: precision(all, 5),
    apSmall: precision(small),
    apMedium: precision(medium),
    apLarge: precision(large),
    ar1: recall(curves("all", 1)),
    ar10: recall(curves("all", 10)),
    ar100: recall(all),
    arSmall: recall(small),
    arMedium: recall(medium),
    arLarge: recall(large),
    classes: all.map((curve) => mean(curve.precision)),
  }
}

/** The mean precision over all overlaps, or at one overlap. */
const precision = (curves: readonly Curve[], overlap?: number): number =>
  mean(
    curves.flatMap((curve) => (overlap === undefined ? curve.precision : curve.precision.slice(overlap, overlap + 1))),
  )

const recall = (curves: readonly Curve[]): number => mean(curves.flatMap((curve) => curve.recall))

/** For each overlap: the mean precision over the points of recall, and the greatest recall; -1 without objects. */
interface Curve {
  readonly precision: readonly number[]
  readonly recall: readonly number[]
}

/** Objects and detections of one class in one image. */
interface ImagePair {
  readonly objects: readonly CocoObject[]
  /** At most 100 detections, sorted by falling score. */
  readonly detections: readonly CocoDetection[]
}

interface CocoObject {
  readonly box: Box
  readonly area: number
  readonly crowd: boolean
}

interface CocoDetection {
  readonly area: number
  readonly score: number
  /** The overlap with each object of the class in the image. */
  readonly overlaps: readonly number[]
}

function objectsByClass({ boxes, labels, areas, crowd }: Objects, image: number, classes: number): ByClass<CocoObject> {
  check("objects", image, { boxes, labels, lists: [areas, crowd] }, classes)
  const list = boxList(boxes).map((box, i) => ({ box, area: areas[i] ?? Number.NaN, crowd: crowd[i] === 1 }))
  return grouped(labels, list)
}

function detectionsByClass(
  { boxes, labels, scores }: Detections,
  image: number,
  classes: number,
  objects: ByClass<CocoObject>,
): ByClass<CocoDetection> {
  check("detections", image, { boxes, labels, lists: [scores] }, classes)
  const list = boxList(boxes).map((box, i) => ({ box, score: scores[i] ?? Number.NaN }))
  return new Map(
    Array.from(grouped(labels, list), ([label, members]) => {
      const best = members.sort((a, b) => b.score - a.score).slice(0, mostDetections)
      const withOverlaps = best.map(({ box, score }) => ({
        area: boxArea(box),
        score,
        overlaps: (objects.get(label) ?? []).map((object) => overlap(box, object)),
      }))
      return [label, withOverlaps]
    }),
  )
}

type ByClass<T> = Map<number, T[]>

function grouped<T>(labels: Int32Array, list: readonly T[]): ByClass<T> {
  const groups: ByClass<T> = new Map()
  for (const [i, item] of list.entries()) {
    const label = labels[i] ?? -1
    const group = groups.get(label)
    if (group === undefined) groups.set(label, [item])
    else group.push(item)
  }
  return groups
}

/** Intersection over union. If the object is a crowd, it is intersection over the area of the detection. */
function overlap(detection: Box, { box, crowd }: CocoObject): number {
  const [x0, y0, x1, y1] = detection
  const [width, height] = [Math.min(x1, box[2]) - Math.max(x0, box[0]), Math.min(y1, box[3]) - Math.max(y0, box[1])]
  if (width <= 0 || height <= 0) return 0
  const intersection = width * height
  return intersection / (crowd ? boxArea(detection) : boxArea(detection) + boxArea(box) - intersection)
}

/** The detections of a class in an image after matching. */
interface Matching {
  readonly detections: readonly {
    readonly score: number
    /** For each overlap: 1 for a match, 0 for no match, -1 for a detection that does not count. */
    readonly hits: readonly number[]
  }[]
  /** The number of objects that count. */
  readonly objects: number
}

/**
 * Matches each detection, best first, with the free object of the greatest overlap. Objects that count come before
 * those that do not.
 */
function matchPair(
  { objects, detections }: ImagePair,
  [least, greatest]: readonly [number, number],
  most: number,
): Matching {
  const outside = (area: number): boolean => area < least || area > greatest
  const candidates = objects
    .map(({ area, crowd }, index) => ({
      index,
      crowd,
      ignored: crowd || outside(area),
      matches: new Uint8Array(overlaps.length),
    }))
    .sort((a, b) => Number(a.ignored) - Number(b.ignored))
  const hit = (detection: CocoDetection, threshold: number, t: number): number => {
    let best: (typeof candidates)[number] | undefined
    let reach = Math.min(threshold, 1 - 1e-10)
    for (const candidate of candidates) {
      if (candidate.matches[t] && !candidate.crowd) continue
      if (best !== undefined && !best.ignored && candidate.ignored) break
      const overlap = detection.overlaps[candidate.index] ?? 0
      if (overlap < reach) continue
      reach = overlap
      best = candidate
    }
    if (best === undefined) return outside(detection.area) ? -1 : 0
    best.matches[t] = 1
    return best.ignored ? -1 : 1
  }
  return {
    detections: detections.slice(0, most).map((detection) => ({
      score: detection.score,
      hits: overlaps.map((threshold, t) => hit(detection, threshold, t)),
    })),
    objects: candidates.filter(({ ignored }) => !ignored).length,
  }
}

function precisionRecall(matchings: readonly Matching[]): Curve {
  const objects = matchings.reduce((sum, matching) => sum + matching.objects, 0)
  if (objects === 0) return { precision: overlaps.map(() => -1), recall: overlaps.map(() => -1) }
  // Equal scores keep the order of the images, since pycocotools' merge sort keeps it.
  const ranked = matchings.flatMap(({ detections }) => detections).sort((a, b) => b.score - a.score)
  const curves = overlaps.map((_, t) => {
    let [right, wrong] = [0, 0]
    const steps = ranked.map(({ hits }) => {
      if (hits[t] === 1) right++
      if (hits[t] === 0) wrong++
      return { recall: right / objects, precision: right / (right + wrong + Number.EPSILON) }
    })
    let greatest = 0
    for (const step of steps.toReversed()) {
      greatest = Math.max(greatest, step.precision)
      step.precision = greatest
    }
    let at = 0
    const points = recalls.map((point) => {
      while ((steps[at]?.recall ?? Infinity) < point) at++
      return steps[at]?.precision ?? 0
    })
    return { precision: points.reduce((sum, p) => sum + p, 0) / recalls.length, recall: steps.at(-1)?.recall ?? 0 }
  })
  return { precision: curves.map((curve) => curve.precision), recall: curves.map((curve) => curve.recall) }
}

/** The mean of all values except -1. */
function mean(values: readonly number[]): number {
  const measured = values.filter((value) => value > -1)
  return measured.length === 0 ? -1 : measured.reduce((sum, value) => sum + value, 0) / measured.length
}

interface CheckedList {
  readonly boxes: Float64Array
  readonly labels: Int32Array
  /** The other fields. Each has one value for each box. */
  readonly lists: readonly (Float64Array | Uint8Array)[]
}

function check(name: string, image: number, { boxes, labels, lists }: CheckedList, classes: number): void {
  const fail = (fault: string): never => {
    throw new VitrineError("shape", `averagePrecision: the ${name} of image ${image} ${fault}`)
  }
  const count = labels.length
  if (boxes.length !== 4 * count || lists.some((values) => values.length !== count))
    fail(`are ${count} labels and ${boxes.length} coordinates`)
  for (const label of labels) if (!(label >= 0 && label < classes)) fail(`have class ${label} of ${classes}`)
  for (const values of [boxes, ...lists])
    for (const value of values) if (Number.isNaN(value)) fail("have a NaN among them")
}
