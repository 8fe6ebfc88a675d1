import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { goldenPath } from "@vitrine/golden"
import sharp from "sharp"
import { afterAll, expect, it } from "vitest"
import type { DatasetSource } from "../src/index.ts"
import { openDataset, packData, packFormats, resolveData } from "../src/node.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-pack-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** The classes, the labels and the pixels of a split. */
async function content(source: DatasetSource | null): Promise<unknown> {
  if (source === null) return null
  const dataset = await openDataset(source)
  const pixels: string[] = []
  for (let i = 0; i < dataset.length; i++) pixels.push(Buffer.from((await dataset.read(i)).data).toString("hex"))
  await dataset.close?.()
  return { classes: dataset.classes, labels: [...dataset.labels], sets: dataset.labelSets, pixels }
}

it.each(packFormats)("%s: a folder comes back with its splits, its classes and its images", async (to) => {
  const data = await resolveData(goldenPath("parquet/folder"))
  const out = join(folder, to)
  const { files, images } = await packData(data, { to, out, shardBytes: 3000 })
  expect(images).toEqual({ train: 21, val: 3 })
  expect(files.map((file) => file.slice(out.length + 1))).toEqual(
    to === "parquet"
      ? ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "validation-00000-of-00001.parquet"]
      : ["train-000000.tar", "train-000001.tar", "validation-000000.tar"],
  )
  const packed = await resolveData(out)
  expect(packed.splitNames).toEqual({ train: "train", val: "validation" })
  for (const split of ["train", "val", "test"] as const)
    expect(await content(packed[split])).toEqual(await content(data[split]))
  await expect(packData(data, { to, out })).rejects.toThrow(
    "holds something already: name an empty or a new folder (--out)",
  )
})

it.each(packFormats)("%s: several labels of an image come back", async (to) => {
  const data = await resolveData(goldenPath("parquet/tags.parquet"), { valFraction: 0 })
  const out = join(folder, `tags-${to}`)
  await packData(data, { to, out })
  expect(await content((await resolveData(out, { valFraction: 0 })).train)).toEqual(await content(data.train))
})

it("larger images are made smaller, pixels become PNG, and what is broken is left out", async () => {
  const source = join(folder, "source")
  const noise = Buffer.from(Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 2654435761) >>> 24))
  const photo = await sharp(noise, { raw: { width: 40, height: 30, channels: 3 } })
    .jpeg()
    .toBuffer()
  for (const [name, bytes] of [
    ["a/1.jpg", photo],
    ["a/2.png", Buffer.from("no image")],
    ["b/1.jpg", photo],
  ] as const) {
    mkdirSync(join(source, name, ".."), { recursive: true })
    writeFileSync(join(source, name), bytes)
  }
  const out = join(folder, "small")
  const data = await resolveData(source, { valFraction: 0 })
  const { broken, images } = await packData(data, { to: "wds", out, imageSize: 15 })
  expect([images, broken]).toEqual([{ train: 2 }, [`${join(source, "a/2.png")}: is no image that can be read`]])
  const [image] = [await openDataset((await resolveData(out, { valFraction: 0 })).train)]
  expect(await image.read(0)).toMatchObject({ width: 20, height: 15 })
  const shapes = await resolveData("shapes")
  const few = { ...shapes, val: null, train: { kind: "shapes", split: "val", size: 3 } as const }
  await packData(few, { to: "parquet", out: join(folder, "shapes") })
  expect(await content((await resolveData(join(folder, "shapes"), { valFraction: 0 })).train)).toMatchObject({
    pixels: Object(await content(few.train)).pixels,
  })
  expect(readdirSync(join(folder, "shapes"))).toEqual(["train-00000-of-00001.parquet"])
  expect(readFileSync(join(folder, "shapes/train-00000-of-00001.parquet")).subarray(0, 4).toString()).toBe("PAR1")
})
