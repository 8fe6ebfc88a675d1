import { golden } from "@vitrine/golden"
import { describe, expect, test } from "vitest"
import { averagePrecision, type Detections, type Objects } from "../src/index.ts"

type Row = readonly number[]

interface Case {
  readonly name: string
  readonly images: number
  readonly classes: number
  readonly objects: readonly Row[]
  readonly detections: readonly Row[]
  readonly expected: Readonly<Record<string, number | readonly number[]>>
}

const corners = (rows: readonly Row[]): Float64Array =>
  Float64Array.from(rows.flatMap(([, , x = 0, y = 0, w = 0, h = 0]) => [x, y, x + w, y + h]))
const column = (rows: readonly Row[], at: number): number[] => rows.map((row) => row[at] as number)

function objectsOf(rows: readonly Row[]): Objects {
  const areas = Float64Array.from(column(rows, 6))
  const labels = Int32Array.from(column(rows, 1))
  return { boxes: corners(rows), labels, areas, crowd: Uint8Array.from(column(rows, 7)) }
}

function detectionsOf(rows: readonly Row[]): Detections {
  const labels = Int32Array.from(column(rows, 1))
  return { boxes: corners(rows), labels, scores: Float64Array.from(column(rows, 6)) }
}

describe("the figures are pycocotools'", () => {
  for (const { name, images, classes, objects, detections, expected } of golden("average-precision").json
    .cases as Case[])
    test(name, () => {
      const of = (rows: readonly Row[], image: number): Row[] => rows.filter((row) => row[0] === image)
      const places = Array.from({ length: images }, (_, image) => image)
      const found = averagePrecision(
        places.map((image) => objectsOf(of(objects, image))),
        places.map((image) => detectionsOf(of(detections, image))),
        classes,
      )
      expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort())
      for (const [figure, value] of Object.entries(found)) {
        const wanted = [expected[figure]].flat()
        for (const [i, v] of [value].flat().entries())
          expect(Math.abs(v - (wanted[i] as number)), `${figure} ${i}: ${v} for ${wanted[i]}`).toBeLessThanOrEqual(1e-9)
      }
    })
})

test("lists that do not fit are refused", () => {
  const none = objectsOf([])
  expect(() => averagePrecision([none], [], 1)).toThrow("0 images have detections, 1 objects")
  const found = detectionsOf([[0, 2, 0, 0, 1, 1, 0.5]])
  expect(() => averagePrecision([none], [found], 2)).toThrow("the detections of image 0 have class 2 of 2")
  const broken = { ...found, scores: Float64Array.of(Number.NaN) }
  expect(() => averagePrecision([none], [broken], 3)).toThrow("the detections of image 0 have a NaN among them")
})
