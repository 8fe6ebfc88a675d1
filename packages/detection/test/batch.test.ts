import { expect, test } from "vitest"
import { createDetectionLoader, type DetectionDataset, detectionTraining, scenes } from "../src/index.ts"
import { near } from "./near.ts"

async function collected<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of from) all.push(each)
  return all
}

const plain = { mean: [0, 0, 0], std: [1, 1, 1] }

/** A grey image a row, of other sizes, with one object and a crowd. */
function greys(sizes: readonly (readonly [number, number])[]): DetectionDataset {
  const boxes = Float64Array.of(1, 2, 5, 4, 0, 0, 2, 2)
  return {
    name: "greys",
    classes: ["thing", "other"],
    length: sizes.length,
    describe: (index) => `grey ${index}`,
    objects: () => ({ boxes, labels: Int32Array.of(1, 0), areas: Float64Array.of(8, 4), crowd: Uint8Array.of(0, 1) }),
    read: async (index) => {
      const [height, width] = sizes[index] as readonly [number, number]
      return { height, width, channels: 3, data: new Uint8Array(height * width * 3).fill(51) }
    },
  }
}

test("images stand in the upper left corner, and masks tell where; boxes are shares of the image alone", async () => {
  const dataset = greys([
    [8, 10],
    [6, 4],
    [5, 10],
  ])
  const options = { dataset, batchSize: 2, imageSize: [8, 10] as const, transforms: [], epochs: 1, ...plain }
  const batches = await collected(await createDetectionLoader(options))
  const [first, last] = batches as [(typeof batches)[0], (typeof batches)[0]]
  expect(batches).toHaveLength(2)
  expect(first.sizes).toEqual([
    [8, 10],
    [6, 4],
  ])
  const at = (row: number, y: number, x: number): number => (row * 8 + y) * 10 + x
  for (let y = 0; y < 8; y++)
    for (let x = 0; x < 10; x++) {
      expect(first.mask[at(0, y, x)]).toBe(1)
      expect(first.mask[at(1, y, x)]).toBe(y < 6 && x < 4 ? 1 : 0)
      expect(first.images[3 * at(1, y, x)]).toBeCloseTo(y < 6 && x < 4 ? 0.2 : 0, 6)
    }
  expect([...(first.targets[0]?.labels ?? [])]).toEqual([1])
  near(first.targets[0]?.boxes ?? [], [0.3, 0.375, 0.4, 0.25], 1e-6)
  near(first.targets[1]?.boxes ?? [], [0.75, 0.5, 1, 2 / 6], 1e-6)
  expect([...last.weights]).toEqual([1, 0])
  expect([...last.examples]).toEqual([2])
  expect(last.targets[1]?.labels).toHaveLength(0)
  expect(last.mask.subarray(80).every((value) => value === 1)).toBe(true)
})

test("batches depend on seed and place alone", async () => {
  const options = { batchSize: 4, imageSize: [64, 64] as const, transforms: detectionTraining([64, 64]), seed: 3 }
  const dataset = scenes({ split: "train", size: 10, imageSize: [64, 64] })
  const all = await collected(await createDetectionLoader({ ...options, dataset, shuffle: true, epochs: 2 }))
  const start = { epoch: 1, batch: 1 }
  const late = await collected(await createDetectionLoader({ ...options, dataset, shuffle: true, start, epochs: 2 }))
  expect(late).toEqual(all.slice(4))
  expect(all[0]?.images).not.toEqual(all[3]?.images)
})

test("what does not fit is named", async () => {
  const options = { dataset: greys([[8, 12]]), batchSize: 1, imageSize: [8, 10] as const, transforms: [] }
  const [error] = await Promise.allSettled([collected(await createDetectionLoader(options))])
  expect(String((error as PromiseRejectedResult).reason)).toContain("grey 0: is 8×12 after the transforms")
  await expect(createDetectionLoader({ ...options, batchSize: 0 })).rejects.toThrow("batchSize must be a positive")
  await expect(createDetectionLoader({ ...options, imageSize: [0, 4] })).rejects.toThrow("got 0×4")
})
