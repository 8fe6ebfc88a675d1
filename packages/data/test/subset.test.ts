import fc from "fast-check"
import { expect, test } from "vitest"
import { pixels, subset } from "../src/index.ts"
import { createLoader, openDataset } from "../src/node.ts"

/** 60 images of one pixel, whose value is their place; class i % 4. */
const numbered = pixels({
  name: "numbers",
  classes: ["a", "b", "c", "d"],
  height: 1,
  width: 1,
  channels: 1,
  pixels: Uint8Array.from({ length: 60 }, (_, i) => i),
  labels: Int32Array.from({ length: 60 }, (_, i) => i % 4),
})

const values = async (dataset: typeof numbered): Promise<number[]> =>
  Promise.all(Array.from({ length: dataset.length }, async (_, i) => (await dataset.read(i)).data[0] as number))

test("keeps classes, in the order of the data, with labels of their own", async () => {
  const some = subset(numbered, { classes: ["d", "b"] })
  expect(some.classes).toEqual(["b", "d"])
  expect(await values(some)).toEqual(Array.from({ length: 60 }, (_, i) => i).filter((i) => i % 2 === 1))
  expect(some.labels.slice(0, 4)).toEqual(Int32Array.of(0, 1, 0, 1))
  expect(some.describe(1)).toBe(numbered.describe(3))
  expect(subset(numbered, {})).toBe(numbered)
})

test("draws the same images of a class by its seed and name alone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1000), fc.integer({ min: 1, max: 15 }), async (seed, perClass) => {
      const all = subset(numbered, { perClass, seed })
      const found = await values(all)
      expect(new Set(found).size).toBe(4 * perClass)
      expect(found).toEqual([...found].sort((x, y) => x - y))
      for (const [label] of all.classes.entries())
        expect([...all.labels].filter((own) => own === label)).toHaveLength(perClass)
      const one = await values(subset(numbered, { classes: ["c"], perClass, seed }))
      expect(one).toEqual(found.filter((value) => value % 4 === 2))
    }),
    { numRuns: 25 },
  )
  expect(await values(subset(numbered, { perClass: 3, seed: 0 }))).not.toEqual(
    await values(subset(numbered, { perClass: 3, seed: 1 })),
  )
})

test("is opened from its source as it was, as in another thread", async () => {
  const some = subset(subset(numbered, { classes: ["a", "c"] }), { perClass: 4, seed: 2 })
  const again = await openDataset(structuredClone(some.source as NonNullable<typeof some.source>))
  expect(await values(again)).toEqual(await values(some))
  expect([...again.labels]).toEqual([...some.labels])
  const batches = []
  for await (const { labels } of await createLoader({ dataset: some, batchSize: 8, epochs: 1 })) batches.push(...labels)
  expect(batches).toEqual([...some.labels])
})

test("says what is wrong in one line", () => {
  expect(() => subset(numbered, { classes: ["a", "e"] })).toThrow(
    'numbers: has no class "e"; its classes are a, b, c, d',
  )
  expect(() => subset(numbered, { perClass: 16 })).toThrow('numbers: has 15 images of class "a", not 16')
  expect(() => subset(numbered, { perClass: 0 })).toThrow("perClass must be a positive integer, got 0")
})
