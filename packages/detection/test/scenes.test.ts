import { expect, test } from "vitest"
import { boxIou, sceneClasses, scenes } from "../src/index.ts"

test("the same seed gives the same scene, another seed or split another", async () => {
  const pixels = async (options: Parameters<typeof scenes>[0]) => (await scenes(options).read(3)).data
  const first = await pixels({ split: "train", size: 9, seed: 1 })
  expect(await pixels({ split: "train", size: 50, seed: 1 })).toEqual(first)
  expect(await pixels({ split: "train", size: 9, seed: 2 })).not.toEqual(first)
  expect(await pixels({ split: "val", size: 9, seed: 1 })).not.toEqual(first)
})

test("scenes hold one to six objects of every class, inside of the image, hardly covered", () => {
  const dataset = scenes({ split: "train", size: 300, imageSize: [80, 120] })
  const classes = new Set<number>()
  const counts = new Set<number>()
  for (let i = 0; i < dataset.length; i++) {
    const { boxes, labels, areas } = dataset.objects(i)
    counts.add(labels.length)
    for (const [n, label] of labels.entries()) {
      classes.add(label)
      const [x0 = -1, y0 = -1, x1 = 999, y1 = 999] = boxes.subarray(4 * n, 4 * n + 4)
      expect(x0 >= 0 && y0 >= 0 && x1 <= 120 && y1 <= 80 && x1 - x0 >= 6 && y1 - y0 >= 6).toBe(true)
      expect(areas[n]).toBe((x1 - x0) * (y1 - y0))
    }
    for (const [at, iou] of boxIou(boxes, boxes).entries())
      if (at % (labels.length + 1) !== 0) expect(iou).toBeLessThan(0.35)
  }
  expect(classes.size).toBe(sceneClasses.length)
  expect([...counts].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6])
})

test("a box is around its shape: without noise and objects, pixels differ inside alone", async () => {
  const dataset = scenes({ split: "val", size: 200 })
  let tested = 0
  for (let i = 0; i < dataset.length && tested < 10; i++) {
    const { boxes, labels } = dataset.objects(i)
    if (labels.length !== 1) continue
    tested++
    const { data, width, height } = await dataset.read(i)
    const colour = (x: number, y: number): number[] => [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)]
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes
    const inside = colour(Math.floor((x0 + x1) / 2), Math.floor((y0 + y1) / 2))
    const like = (x: number, y: number): boolean =>
      Math.hypot(...colour(x, y).map((value, c) => value - (inside[c] as number))) < 38
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        if (x < x0 - 1 || x > x1 || y < y0 - 1 || y > y1) expect(like(x, y), `image ${i} at ${x}, ${y}`).toBe(false)
  }
  expect(tested).toBe(10)
})

test("sizes that make no sense are refused", () => {
  expect(() => scenes({ split: "train", size: 0 })).toThrow("size must be a positive integer")
  expect(() => scenes({ split: "train", size: 1, imageSize: [8, 64] })).toThrow("two integers of 32 … 2048, got 8×64")
})
