import { goldenPath } from "@vitrine/golden"
import { expect, test } from "vitest"
import { openDetection, resolveDetection } from "../src/node.ts"

/** The corners and the labels of image i: see `tooling/golden/annotated.py`. */
const boxesOf = (i: number): number[] =>
  Array.from({ length: i % 3 }, (_, k) => [k + 1, k + 2, 2 * k + 5, 2 * k + 5]).flat()
const labelsOf = (i: number): number[] => Array.from({ length: i % 3 }, (_, k) => (i + k) % 2)

/** The number of each image, which is its brightness, with its corners and labels. */
async function contents(source: Parameters<typeof openDetection>[0] | null): Promise<unknown[]> {
  if (source === null) return []
  const dataset = await openDetection(source)
  const list: unknown[] = []
  for (let i = 0; i < dataset.length; i++) {
    const { data, width, height } = await dataset.read(i)
    const { boxes, labels } = dataset.objects(i)
    list.push([(data[0] ?? 0) / 20, width, height, [...boxes], [...labels]])
  }
  await dataset.close?.()
  return list
}
const expected = (images: readonly number[]): unknown[] => images.map((i) => [i, 20, 12, boxesOf(i), labelsOf(i)])

test("objects of datasets: splits by files, names of a ClassLabel, areas", async () => {
  const { classes, train, val, test, faults } = await resolveDetection(goldenPath("annotated/hub"))
  expect([classes, test, faults.count]).toEqual([["round", "square"], null, 0])
  expect(await contents(train)).toEqual(expected([0, 1, 2, 3, 4, 5, 6]))
  expect(await contents(val)).toEqual(expected([7, 8, 9]))
  expect(train?.kind === "annotated" && [...(train.objects[5]?.areas ?? [])]).toEqual([0.5, 1.5])
})

test.each([
  ["listed", { classes: ["round", "square"] }],
  ["corners", { format: "voc" as const, classes: ["0", "1"] }],
])("%s: a part is held out, and nothing is lost", async (name, { classes, ...options }) => {
  const path = goldenPath(`annotated/${name}.parquet`)
  const resolved = await resolveDetection(path, { valFraction: 0.3, seed: 2, ...options })
  expect(resolved.classes).toEqual(classes)
  const parts = [await contents(resolved.train), await contents(resolved.val)]
  expect(parts.map(({ length }) => length)).toEqual([7, 3])
  const all = parts.flat().toSorted((a, b) => Number(Object(a)[0]) - Number(Object(b)[0]))
  expect(all).toEqual(expected([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
})

test("data without boxes are refused", async () => {
  await expect(resolveDetection(goldenPath("annotated/text.parquet"))).rejects.toThrow(
    /has no boxes, such as a column objects with bbox and category; beside the images it has id, text$/,
  )
})
