import { VitrineError } from "@vitrine/core"
import type { Detections, Objects } from "../data/objects.ts"

/** COCO's twelve figures of boxes, each in [0, 1], or -1 where there is nothing to find; and AP by class. */
export interface AveragePrecision {
  /** Mean over the overlaps 0.5, 0.55 … 0.95 and over classes. */
  readonly ap: number
  /** At an overlap of 0.5, and of 0.75. */
  readonly ap50: number
  readonly ap75: number
  /** Of objects up to 32², 96² and more square pixels. */
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
  // numpy's linspace: multiples of a rounded step decide which side of a threshold a ratio falls on.
  Array.from({ length: count }, (_, i) => (i === count - 1 ? to : from + i * ((to - from) / (count - 1))))

const overlaps = spaced(0.5, 0.95, 10)
const recalls = spaced(0, 1, 101)
const mostDetections = 100
const areaRanges = { all: [0, 1e10], small: [0, 1024], medium: [1024, 9216], large: [9216, 1e10] } as const

/**
 * The average precision and recall of boxes as COCO defines and pycocotools' `COCOeval` computes them: 101 points of recall,
 * at most 100 detections of a class in an image, crowds that forgive any number of detections.
 * @param truth, found by image, in the same order
 * @throws VitrineError for lists of different lengths, classes that there are not, and scores or boxes that are NaN
 */
export function averagePrecision(
  truth: readonly Objects[],
  found: readonly Detections[],
  classes: number,
): AveragePrecision {
  if (truth.length !== found.length)
    throw new VitrineError("shape", `averagePrecision: ${found.length} images have detections, ${truth.length} objects`)
  truth.forEach((objects, image) => check("objects", image, objects, classes))
  found.forEach((detections, image) => check("detections", image, detections, classes))
  const byImage = truth.map((objects, image) => pairsByClass(objects, found[image] as Detections))
  const curve = (range: keyof typeof areaRanges, most: number): Curve[] => {
    const [least, greatest] = areaRanges[range]
    return Array.from({ length: classes }, (_, label) => {
      const pairs = byImage.flatMap((image) => image.get(label) ?? [])
      return precisionRecall(pairs.map((pair) => matched(pair, least, greatest, most)))
    })
  }
  const all = curve("all", mostDetections)
  const precision = (curves: readonly Curve[], at?: number): number =>
    mean(curves.flatMap((c) => (at === undefined ? c.precision : [c.precision[at] as number])))
  const recall = (curves: readonly Curve[]): number => mean(curves.flatMap((c) => c.recall))
  const [small, medium, large] = (["small", "medium", "large"] as const).map((range) => curve(range, mostDetections))
  return {
    ap: precision(all),
    ap50: precision(all, 0),
    ap75: precision(all, 5),
    apSmall: precision(small as Curve[]),
    apMedium: precision(medium as Curve[]),
    apLarge: precision(large as Curve[]),
    ar1: recall(curve("all", 1)),
    ar10: recall(curve("all", 10)),
    ar100: recall(all),
    arSmall: recall(small as Curve[]),
    arMedium: recall(medium as Curve[]),
    arLarge: recall(large as Curve[]),
    classes: all.map((c) => mean(c.precision)),
  }
}

/** By overlap: the mean precision over the points of recall, and the greatest recall; -1 without objects. */
interface Curve {
  readonly precision: readonly number[]
  readonly recall: readonly number[]
}

/** Objects and detections of one class in one image; detections by falling score, the best 100. */
interface Pair {
  readonly areas: readonly number[]
  readonly crowd: readonly boolean[]
  readonly scores: readonly number[]
  readonly foundAreas: readonly number[]
  /** Overlap of each detection with each object, [detections][objects]. */
  readonly overlap: readonly (readonly number[])[]
}

/** What became of the detections of a class in an image, best first, and how many objects there are to find. */
interface Outcome {
  readonly scores: readonly number[]
  /** By overlap and detection: 1 found an object, 0 found none, -1 does not count. */
  readonly hits: readonly Int8Array[]
  readonly objects: number
}

function pairsByClass(objects: Objects, detections: Detections): Map<number, Pair> {
  const places = (labels: Int32Array): Map<number, number[]> => {
    const at = new Map<number, number[]>()
    labels.forEach((label, i) => {
      const list = at.get(label)
      if (list === undefined) at.set(label, [i])
      else list.push(i)
    })
    return at
  }
  const there = places(objects.labels)
  const seen = places(detections.labels)
  const pairs = new Map<number, Pair>()
  for (const label of new Set([...there.keys(), ...seen.keys()])) {
    const members = there.get(label) ?? []
    const score = (i: number): number => detections.scores[i] as number
    const best = (seen.get(label) ?? []).sort((a, b) => score(b) - score(a)).slice(0, mostDetections)
    pairs.set(label, {
      areas: members.map((i) => objects.areas[i] as number),
      crowd: members.map((i) => objects.crowd[i] === 1),
      scores: best.map(score),
      foundAreas: best.map((i) => area(detections.boxes, i)),
      overlap: best.map((i) =>
        members.map((j) => overlapOf(detections.boxes, i, objects.boxes, j, objects.crowd[j] === 1)),
      ),
    })
  }
  return pairs
}

const area = (boxes: Float64Array, i: number): number =>
  ((boxes[4 * i + 2] as number) - (boxes[4 * i] as number)) *
  ((boxes[4 * i + 3] as number) - (boxes[4 * i + 1] as number))

/** Intersection over union; over the detection's own area where the object is a crowd. */
function overlapOf(found: Float64Array, i: number, boxes: Float64Array, j: number, crowd: boolean): number {
  const side = (axis: 0 | 1): number =>
    Math.min(found[4 * i + axis + 2] as number, boxes[4 * j + axis + 2] as number) -
    Math.max(found[4 * i + axis] as number, boxes[4 * j + axis] as number)
  const [width, height] = [side(0), side(1)]
  if (width <= 0 || height <= 0) return 0
  const intersection = width * height
  return intersection / (crowd ? area(found, i) : area(found, i) + area(boxes, j) - intersection)
}

/** Each detection in turn takes the free object that it overlaps most, one that counts before one that does not. */
function matched(pair: Pair, least: number, greatest: number, most: number): Outcome {
  const outside = (size: number): boolean => size < least || size > greatest
  const ignored = pair.areas.map((size, j) => (pair.crowd[j] as boolean) || outside(size))
  const order = ignored.map((_, j) => j).sort((a, b) => Number(ignored[a]) - Number(ignored[b]))
  const scores = pair.scores.slice(0, most)
  const hits = overlaps.map((threshold) => {
    const taken = new Uint8Array(order.length)
    return Int8Array.from(scores, (_, i) => {
      let best = -1
      let reach = Math.min(threshold, 1 - 1e-10)
      for (const j of order) {
        if (taken[j] && !pair.crowd[j]) continue
        if (best >= 0 && !ignored[best] && ignored[j]) break
        const overlap = pair.overlap[i]?.[j] as number
        if (overlap < reach) continue
        reach = overlap
        best = j
      }
      if (best < 0) return outside(pair.foundAreas[i] as number) ? -1 : 0
      taken[best] = 1
      return ignored[best] ? -1 : 1
    })
  })
  return { scores, hits, objects: ignored.filter((skip) => !skip).length }
}

function precisionRecall(outcomes: readonly Outcome[]): Curve {
  const objects = outcomes.reduce((sum, outcome) => sum + outcome.objects, 0)
  if (objects === 0) return { precision: overlaps.map(() => -1), recall: overlaps.map(() => -1) }
  const scores = outcomes.flatMap((outcome) => outcome.scores)
  // Equal scores keep the order of images, as pycocotools' merge sort does.
  const order = scores.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number))
  const curves = overlaps.map((_, t) => {
    const hits = outcomes.flatMap((outcome) => [...(outcome.hits[t] as Int8Array)])
    const recall: number[] = []
    const precision: number[] = []
    let [right, wrong] = [0, 0]
    for (const i of order) {
      if (hits[i] === 1) right++
      if (hits[i] === 0) wrong++
      recall.push(right / objects)
      precision.push(right / (right + wrong + Number.EPSILON))
    }
    for (let i = precision.length - 2; i >= 0; i--)
      precision[i] = Math.max(precision[i] as number, precision[i + 1] as number)
    let at = 0
    const points = recalls.map((point) => {
      while (at < recall.length && (recall[at] as number) < point) at++
      return precision[at] ?? 0
    })
    return { precision: points.reduce((sum, p) => sum + p, 0) / recalls.length, recall: recall.at(-1) ?? 0 }
  })
  return { precision: curves.map((c) => c.precision), recall: curves.map((c) => c.recall) }
}

/** The mean of what is not -1. */
function mean(values: readonly number[]): number {
  const known = values.filter((value) => value > -1)
  return known.length === 0 ? -1 : known.reduce((sum, value) => sum + value, 0) / known.length
}

function check(what: string, image: number, list: Objects | Detections, classes: number): void {
  const fail = (fault: string): never => {
    throw new VitrineError("shape", `averagePrecision: the ${what} of image ${image} ${fault}`)
  }
  const count = list.labels.length
  const others = "scores" in list ? [list.scores] : [list.areas, list.crowd]
  if (list.boxes.length !== 4 * count || others.some((values) => values.length !== count))
    fail(`are ${count} labels and ${list.boxes.length} coordinates`)
  for (const label of list.labels) if (!(label >= 0 && label < classes)) fail(`have class ${label} of ${classes}`)
  for (const values of [list.boxes, ...others])
    for (const value of values) if (Number.isNaN(value)) fail("have a NaN among them")
}
