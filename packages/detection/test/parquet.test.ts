import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { goldenPath } from "@vitrine/golden"
import { parquetWriteBuffer } from "hyparquet-writer"
import sharp from "sharp"
import { afterAll, expect, test } from "vitest"
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

const folder = mkdtempSync(join(tmpdir(), "vitrine-boxes-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test("empty values in a list move no area and no mark of a crowd to another object, and are named", async () => {
  const path = join(folder, "empty.parquet")
  const image = await sharp({ create: { width: 20, height: 12, channels: 3, background: "red" } })
    .png()
    .toBuffer()
  const list = (name: string, type: "DOUBLE" | "INT32") => [
    { name, repetition_type: "OPTIONAL" as const, num_children: 1, converted_type: "LIST" as const },
    { name: "list", repetition_type: "REPEATED" as const, num_children: 1 },
    { name: "element", type, repetition_type: "OPTIONAL" as const },
  ]
  const two = [0, 0, 2, 2, 1, 1, 3, 3]
  const file = parquetWriteBuffer({
    schema: [
      { name: "schema", num_children: 5 },
      { name: "image", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      ...list("bbox", "DOUBLE"),
      ...list("category", "INT32"),
      ...list("area", "DOUBLE"),
      ...list("iscrowd", "INT32"),
    ],
    columnData: [
      { name: "image", data: [image, null, image, image] },
      { name: "bbox", data: [two, two, two, two] },
      { name: "category", data: [1, 1, 1, 1].map(() => [0, 1]) },
      { name: "area", data: [[3, 8], [], [null, 8], []] },
      { name: "iscrowd", data: [[0, 1], [], [0, 1], [null, 1]] },
    ],
  })
  writeFileSync(path, new Uint8Array(file))
  const { train, faults } = await resolveDetection(path, { valFraction: 0 })
  expect(train?.kind === "annotated" && train.objects.map(({ areas, crowd }) => [[...areas], [...crowd]])).toEqual([
    [
      [3, 8],
      [0, 1],
    ],
    [
      [4, 9],
      [0, 1],
    ],
  ])
  expect(faults.lines).toEqual([
    `${path}: 1 rows of empty.parquet without an image, such as row 1; left out`,
    `${path}, row 2: has 1 areas for 2 categories; the areas of its boxes are taken`,
    `${path}, row 3: has 1 marks of crowds for 2 categories; left out`,
  ])
})
