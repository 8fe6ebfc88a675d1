import { mkdtemp, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { openDataset, resolveData } from "../src/node.ts"
import { goldenPath } from "./golden.ts"
import { zip, type ZipOptions } from "./zip.ts"

const png = await readFile(goldenPath("rgb.png"))
const files = {
  "set/": Buffer.alloc(0),
  "set/train/cat/1.png": png,
  "set/train/dog/ü 2.png": png,
  "set/val/dog/3.png": png,
  "__MACOSX/set/._x": png,
}

async function saved(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "vitrine-")), name)
  await writeFile(path, bytes)
  return path
}

test.each<[string, ZipOptions]>([
  ["stored", {}],
  ["deflated", { deflate: true }],
  ["zip64", { zip64: true }],
  ["written as a stream", { streamed: true, deflate: true }],
  ["with a comment, behind a program", { comment: "PK".repeat(50), before: Buffer.alloc(999, 7) }],
])("a zip is read by random access: %s", async (_, options) => {
  const { train, val } = await resolveData(await saved("set.zip", zip(files, options)))
  const dataset = await openDataset(train)
  expect(dataset).toMatchObject({ length: 2, classes: ["cat", "dog"] })
  expect(dataset.describe(1)).toContain("set/train/dog/ü 2.png")
  const pictures = [await dataset.read(1), await dataset.read(0)]
  expect(pictures[0]).toMatchObject({ width: 35, height: 21 })
  expect(pictures[1]).toEqual(pictures[0])
  expect(val && (await openDataset(val)).length).toBe(1)
  await dataset.close?.()
})

test("a table within a zip", async () => {
  const table = Buffer.from("file,label\na/1.png,x\na/2.png,y\n")
  const path = await saved("set.zip", zip({ "labels.csv": table, "a/1.png": png, "a/2.png": png }, { deflate: true }))
  const { train } = await resolveData(path, { valFraction: 0 })
  expect((await openDataset(train)).classes).toEqual(["x", "y"])
})

describe("hostile zips give one line that names them", () => {
  const good = zip({ "a/1.png": png, "b/2.png": png })
  test.each<[string, Uint8Array, RegExp]>([
    ["no.zip", Buffer.alloc(2000, 65), /is no zip archive, or is truncated/],
    ["empty.zip", Buffer.alloc(0), /is no zip archive/],
    ["cut.zip", good.subarray(0, good.length - 30), /is no zip archive, or is truncated/],
    ["start.zip", good.subarray(good.length >> 1), /ends at byte|broken zip directory/],
    ["climb.zip", zip({ "../a/1.png": png }), /name that leads out of it/],
    ["root.zip", zip({ "/a/1.png": png }), /name that leads out of it/],
    ["drive.zip", zip({ "c:\\a\\1.png": png }), /name that leads out of it/],
    [
      "locked.zip",
      zip({ "a/1.png": png }, { change: (view) => view.setUint16(8, 1, true) }),
      /"a\/1\.png" is encrypted/,
    ],
    [
      "method.zip",
      zip({ "a/1.png": png }, { change: (view) => view.setUint16(10, 12, true) }),
      /compressed by method 12/,
    ],
    [
      "bomb.zip",
      zip({ "a/1.png": png }, { deflate: true, change: (view) => view.setUint32(24, 2 ** 31, true) }),
      /claims to unpack/,
    ],
  ])("%s", async (name, bytes, fault) => {
    const path = await saved(name, bytes)
    const error = await resolveData(path).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError", kind: "file" })
    expect((error as Error).message).toMatch(fault)
    expect((error as Error).message.startsWith(path)).toBe(true)
    expect((error as Error).message).not.toContain("\n")
  })

  test.each<[string, (view: DataView) => void, RegExp]>([
    ["a wrong checksum", (view) => view.setUint32(16, 1, true), /is damaged: its checksum/],
    ["a header elsewhere", (view) => view.setUint32(42, 5, true), /has no header where the directory says/],
    ["a place beyond the end", (view) => view.setUint32(42, 2 ** 30, true), /lies beyond the end/],
  ])("%s is found when the image is read", async (_, change, fault) => {
    const path = await saved("set.zip", zip({ "a/1.png": png, "b/1.png": png }, { change }))
    const dataset = await openDataset((await resolveData(path, { valFraction: 0 })).train)
    await expect(dataset.read(0)).rejects.toThrow(fault)
  })
})
