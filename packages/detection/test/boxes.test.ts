import { golden } from "@vitrine/golden"
import fc from "fast-check"
import { expect, test } from "vitest"
import { boxAreas, boxIou, generalizedBoxIou, toCenters, toCorners } from "../src/index.ts"
import { near } from "./near.ts"

const { tensors } = golden("boxes")
const data = (name: string): ArrayLike<number> => tensors[name]?.data ?? []

test("centres, areas and overlaps are torchvision's", () => {
  near(toCenters(data("a")), data("centers"), 1e-12)
  near(toCorners(data("centers")), data("a"), 1e-12)
  near(boxAreas(data("a")), data("areas"), 1e-12)
  near(boxIou(data("a"), data("b")), data("iou"), 1e-12)
  near(generalizedBoxIou(data("a"), data("b")), data("generalized"), 1e-12)
})

test("boxes without area overlap nothing, and no overlap is NaN", () => {
  expect([...boxIou([1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 2, 2])]).toEqual([0, 0])
  expect([...generalizedBoxIou([1, 1, 1, 1], [1, 1, 1, 1])]).toEqual([0])
  expect(boxIou([], [0, 0, 1, 1])).toHaveLength(0)
})

test("an overlap is symmetric, at most 1, and generalised never more", () => {
  const coordinate = fc.integer({ min: 0, max: 40 })
  const box = fc.tuple(coordinate, coordinate, coordinate, coordinate).map(([x, y, w, h]) => [x, y, x + w, y + h])
  fc.assert(
    fc.property(box, box, (a, b) => {
      const [iou = NaN] = boxIou(a, b)
      const [generalized = NaN] = generalizedBoxIou(a, b)
      expect(boxIou(b, a)[0]).toBe(iou)
      expect(iou >= 0 && iou <= 1 && generalized <= iou && generalized >= -1).toBe(true)
    }),
  )
})

test("numbers that are no boxes are refused", () => {
  expect(() => toCorners([1, 2, 3])).toThrow("boxes are [n, 4], got 3 numbers")
})
