import { expect, test } from "vitest"
import { type Dataset, type Image, meanStd, shapeNames, shapes } from "../src/index.ts"

test("examples depend on seed, split and index alone", async () => {
  const few = shapes({ split: "train", size: 10 })
  const many = shapes({ split: "train", size: 1000 })
  expect(many.labels.slice(0, 10)).toEqual(few.labels)
  expect(await many.read(7)).toEqual(await few.read(7))
  for (const other of [shapes({ split: "val", size: 10 }), shapes({ split: "train", size: 10, seed: 1 })])
    expect((await other.read(7)).data).not.toEqual((await few.read(7)).data)
})

test("classes are equally frequent", () => {
  const counts = new Array<number>(10).fill(0)
  for (const label of shapes({ split: "train", size: 10_000 }).labels) (counts[label] as number)++
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  expect(shapeNames.length).toBe(10)
})

test("colours do not give the class away", async () => {
  const dataset = shapes({ split: "train", size: 4000 })
  const sums = shapeNames.map(() => ({ n: 0, rgb: [0, 0, 0] as [number, number, number] }))
  for (let i = 0; i < dataset.length; i++) {
    const { data }: Image = await dataset.read(i)
    const entry = sums[dataset.labels[i] as number] as (typeof sums)[number]
    entry.n++
    for (let k = 0; k < data.length; k++) entry.rgb[(k % 3) as 0 | 1 | 2] += (data[k] as number) / (255 * 1024)
  }
  for (const channel of [0, 1, 2] as const) {
    const means = sums.map(({ n, rgb }) => rgb[channel] / n)
    // Images vary by about 0.15 around their class's mean, so means of 400 that far apart are no clue.
    expect(Math.max(...means) - Math.min(...means)).toBeLessThan(0.12)
  }
})

test("mean and standard deviation", async () => {
  const { mean, std } = await meanStd(shapes({ split: "train", size: 500 }))
  for (const m of mean) expect(m).toBeGreaterThan(0.2)
  for (const s of std) expect(s).toBeGreaterThan(0.1)
})

test("mean and standard deviation look at all classes of a long folder, and at no more images than are allowed", async () => {
  const read: number[] = []
  const sorted: Dataset = {
    ...shapes({ split: "train", size: 1000 }),
    channels: 1,
    read: async (index) => {
      read.push(index)
      return { width: 1, height: 1, channels: 1, data: Uint8Array.of(index < 500 ? 0 : 255) }
    },
  }
  expect((await meanStd(sorted, 100)).mean).toEqual([0.5])
  expect([read.length, new Set(read).size]).toEqual([100, 100])
  expect((await meanStd(sorted, 1)).mean).toEqual([0])
  expect((await meanStd(sorted)).std).toEqual([0.5])
})

test("a size must be positive", () => {
  expect(() => shapes({ split: "train", size: 0 })).toThrow(/size must be a positive integer/)
})
