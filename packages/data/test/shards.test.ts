import { join } from "node:path"
import { goldenPath } from "@vitrine/golden"
import { expect, it } from "vitest"
import { openDataset, type ResolveOptions, resolveData } from "../src/node.ts"

const shards = goldenPath("webdataset")
const classes = ["cat", "dog", "owl"]
const labels = classes.flatMap((_, label) => Array<number>(8).fill(label))

async function open(path: string, options: ResolveOptions = {}) {
  const resolved = await resolveData(path, { valFraction: 0, ...options })
  const dataset = await openDataset(resolved.train)
  const pixels: string[] = []
  for (let i = 0; i < dataset.length; i++) pixels.push(Buffer.from((await dataset.read(i)).data).toString("hex"))
  await dataset.close?.()
  return { ...resolved, dataset, pixels }
}

const folder = (await open(goldenPath("parquet/folder"))).pixels

it.each([
  ["a folder of shards", join(shards, "cls")],
  ["a pattern with braces", join(shards, "cls/train-{000000..000002}.tar")],
])("%s of WebDataset is read as the folder of the same images", async (_, path) => {
  const { dataset, pixels, notes } = await open(path)
  expect([dataset.classes, [...dataset.labels]]).toEqual([["0", "1", "2"], labels])
  expect(notes).toEqual(["images and labels by 3 shards of WebDataset (.png; cls)"])
  expect(pixels).toEqual(folder)
})

it("one shard is data, with all or a part of the images", async () => {
  expect((await open(join(shards, "cls/train-000001.tar"))).pixels).toEqual(folder.slice(10, 20))
})

it("fields of JSON are labels, and the names of shards are splits", async () => {
  const { dataset, val, splitNames } = await open(join(shards, "json"))
  expect([dataset.classes, dataset.length]).toEqual([classes, 18])
  expect(val).toMatchObject({ kind: "shards", labels: Int32Array.of(0, 0, 1, 1, 2, 2) })
  expect(splitNames).toEqual({ train: "train", val: "val" })
})

it("of several images in a sample one is chosen", async () => {
  const pairs = join(shards, "pairs-{000000,}.tar")
  const file = join(shards, "pairs-{000000..000000}.tar")
  await expect(resolveData(file)).rejects.toThrow(
    'its samples have several images, with the endings ".left.png" and ".right.png": say which is learned (fileColumn, --file-column)',
  )
  const { dataset, pixels } = await open(file, { fileColumn: "right.png", labelColumns: ["txt"] })
  expect([dataset.classes, [...dataset.labels]]).toEqual([classes, labels])
  expect(pixels).toEqual(folder.toReversed())
  await expect(resolveData(file, { fileColumn: "jpg" })).rejects.toThrow("has no images .jpg (--file-column)")
  await expect(resolveData(pairs)).rejects.toThrow("no such file")
})
