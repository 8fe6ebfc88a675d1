import type { Image } from "@vitrine/data"
import { golden } from "@vitrine/golden"
import { foldKey, keyFromSeed } from "@vitrine/core"
import fc from "fast-check"
import { expect, test } from "vitest"
import {
  transformExample,
  detectionEvaluation,
  detectionTraining,
  type Objects,
  scenes,
  shortestSize,
} from "../src/index.ts"
import { croppedObjects, flipped, resized } from "../src/data/transforms.ts"
import { near } from "./near.ts"

const { json, tensors } = golden("boxes")
const data = (name: string): Float64Array => tensors[name]?.data as Float64Array

function objectsOf(boxes: Float64Array): Objects {
  const n = boxes.length / 4
  const labels = Int32Array.from({ length: n }, (_, i) => i)
  return { boxes, labels, areas: new Float64Array(n).fill(100), crowd: new Uint8Array(n) }
}

test("boxes follow flips, crops and resizing as torchvision's do", () => {
  const [height, width] = json.canvas as [number, number]
  const image: Image = { height, width, channels: 3, data: new Uint8Array(height * width * 3) }
  const objects = objectsOf(data("a"))
  near(flipped({ image, objects }).objects.boxes, data("flipped"), 1e-9)
  const [h, w] = json.resized as [number, number]
  const smaller = resized({ image, objects }, [h, w])
  // Its factors are of single precision.
  near(smaller.objects.boxes, data("resized"), 1e-5)
  expect(smaller.objects.areas[0]).toBeCloseTo((100 * h * w) / (height * width), 9)
  const [x, y, across, down] = json.window as [number, number, number, number]
  const expected = Array.from({ length: 9 }, (_, i) => data("cropped").subarray(4 * i, 4 * i + 4))
  const left = expected.filter(([x0 = 0, y0 = 0, x1 = 0, y1 = 0]) => x1 > x0 && y1 > y0)
  expect(left.length).toBeLessThan(9)
  near(croppedObjects(objects, x, y, across, down).boxes, left.map((box) => [...box]).flat(), 1e-9)
})

test("sizes are those of transformers' DETR", () => {
  for (const [height, width, shortest, longest, h, w] of json.sizes as number[][]) {
    const within = longest === null ? undefined : ([longest, longest] as [number, number])
    const found = shortestSize([height as number, width as number], shortest as number, within)
    expect(found, `${height}×${width} to ${shortest}, ${longest}`).toEqual([h, w])
  }
})

test("an image never leaves the rectangle it is to stay in", () => {
  const side = fc.integer({ min: 1, max: 900 })
  fc.assert(
    fc.property(side, side, side, side, side, (height, width, shortest, most, other) => {
      const [h, w] = shortestSize([height, width], shortest, [most, other])
      expect(h >= 1 && w >= 1 && h <= most && w <= other).toBe(true)
    }),
  )
})

/** A white rectangle on black: what the box around it must follow. */
function rectangle(height: number, width: number, [x0, y0, x1, y1]: readonly number[]): Image {
  const pixels = new Uint8Array(height * width * 3)
  for (let y = y0 as number; y < (y1 as number); y++)
    pixels.fill(255, (y * width + (x0 as number)) * 3, (y * width + (x1 as number)) * 3)
  return { height, width, channels: 3, data: pixels }
}

/** The box of what is bright, where there is something. */
function bright({ height, width, data: pixels }: Image): number[] | undefined {
  const box = [Infinity, Infinity, -Infinity, -Infinity]
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if ((pixels[(y * width + x) * 3] as number) >= 128) {
        box[0] = Math.min(box[0] as number, x)
        box[1] = Math.min(box[1] as number, y)
        box[2] = Math.max(box[2] as number, x + 1)
        box[3] = Math.max(box[3] as number, y + 1)
      }
  return box[0] === Infinity ? undefined : box
}

test("a box stays around what it was around, whatever is drawn", () => {
  const place = fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 10, max: 30 }))
  fc.assert(
    fc.property(place, place, fc.nat(), ([x, w], [y, h], seed) => {
      const box = [x, y, Math.min(90, x + w), Math.min(70, y + h)]
      const example = { image: rectangle(70, 90, box), objects: objectsOf(Float64Array.from(box)) }
      const { image, objects } = transformExample(
        example,
        detectionTraining([80, 100]),
        foldKey(keyFromSeed(seed), "try"),
      )
      expect(image.height <= 80 && image.width <= 100).toBe(true)
      const seen = bright(image)
      const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = objects.boxes
      // Slivers vanish in the filter, or become shorter.
      const sliver = objects.labels.length === 0 || Math.min(x1 - x0, y1 - y0) < 3
      if (seen === undefined) expect(sliver).toBe(true)
      if (sliver) return
      const off = (seen ?? []).map((edge, i) => Math.abs(edge - (objects.boxes[i] as number)))
      expect(Math.max(0, ...off), `${seen?.join()} for ${objects.boxes.join()}`).toBeLessThanOrEqual(1)
    }),
    { numRuns: 150 },
  )
})

test("the same key gives the same example, another one another", async () => {
  const dataset = scenes({ split: "train", size: 4 })
  const example = { image: await dataset.read(1), objects: dataset.objects(1) }
  const make = (seed: number) => transformExample(example, detectionTraining([96, 96]), foldKey(keyFromSeed(seed), 1))
  expect(make(1)).toEqual(make(1))
  const sizes = new Set(Array.from({ length: 12 }, (_, seed) => `${make(seed).image.width}×${make(seed).image.height}`))
  expect(sizes.size).toBeGreaterThan(4)
})

test("evaluation keeps the aspect and changes nothing that fits already", async () => {
  const dataset = scenes({ split: "val", size: 2, imageSize: [60, 90] })
  const example = { image: await dataset.read(0), objects: dataset.objects(0) }
  expect(transformExample(example, detectionEvaluation([60, 90]), [0, 0])).toEqual(example)
  expect(transformExample(example, detectionEvaluation([120, 120]), [0, 0]).image).toMatchObject({
    height: 80,
    width: 120,
  })
})

test("a step that does not exist is named", () => {
  const example = { image: rectangle(4, 4, [0, 0, 2, 2]), objects: objectsOf(Float64Array.of(0, 0, 2, 2)) }
  expect(() => transformExample(example, [{ op: "rotate" } as never], [0, 0])).toThrow(
    'there is no transform "rotate" of boxes',
  )
})
