import { mkdir, mkdtemp, readFile, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { createLoader, openDataset, resolveData } from "../src/node.ts"
import { goldenPath } from "./golden.ts"

const jpeg = await readFile(goldenPath("420.jpg"))
const png = await readFile(goldenPath("rgb.png"))
const files: Record<string, Uint8Array> = {
  "set/train/cat/1.jpg": jpeg,
  "set/train/cat/2.png": png,
  "set/train/dog/1.jpg": jpeg,
  "set/train/.DS_Store": Buffer.from("x"),
  "set/train/dog/notes.txt": Buffer.from("y"),
  "set/val/dog/1.png": png,
}

interface Entry {
  name: string
  data?: Uint8Array
  type?: string
  size?: number
}

/** A tar archive; names that are too long get GNU's or pax's entries before them. */
function tar(entries: Entry[], longNames: "L" | "x" = "L"): Buffer {
  const blocks: Buffer[] = []
  for (const { name, data = new Uint8Array(), type = "0", size = data.length } of entries) {
    if (name.length > 100) {
      if (longNames === "L")
        blocks.push(tar([{ name: "././@LongLink", data: Buffer.from(`${name}\0`), type: "L" }]).subarray(0, -1024))
      else {
        const record = ` path=${name}\n`
        const length = record.length + String(record.length + 3).length
        blocks.push(tar([{ name: "pax", data: Buffer.from(`${length}${record}`), type: "x" }]).subarray(0, -1024))
      }
    }
    const header = Buffer.alloc(512)
    header.write(name.slice(0, 100), 0)
    header.write("0000644\0", 100)
    header.write(`${size.toString(8).padStart(11, "0")}\0`, 124)
    header.write("        ", 148)
    header.write(type, 156)
    header.write("ustar\u000000", 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
    blocks.push(header, Buffer.from(data), Buffer.alloc((512 - (data.length % 512)) % 512))
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

const entriesOf = (list: Record<string, Uint8Array>): Entry[] =>
  Object.entries(list).map(([name, data]) => ({ name, data }))
const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), "vitrine-"))

async function saved(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(await temporary(), name)
  await writeFile(path, bytes)
  return path
}

async function unpacked(): Promise<string> {
  const folder = await temporary()
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), bytes)
  }
  return folder
}

describe.each<[string, () => Promise<string>]>([
  ["a folder", unpacked],
  ["a .tar", () => saved("set.tar", tar(entriesOf(files)))],
  ["a .tar.gz", () => saved("set.tar.gz", gzipSync(tar(entriesOf(files))))],
])("%s of images", (_, make) => {
  test("opens with its classes and splits, and decodes", async () => {
    const { train, val } = await resolveData(await make())
    const dataset = await openDataset(train)
    expect(dataset).toMatchObject({ length: 3, channels: 3, classes: ["cat", "dog"] })
    expect(train).toMatchObject({ skipped: 2 })
    expect([...dataset.labels]).toEqual([0, 0, 1])
    expect(await dataset.read(1)).toMatchObject({ width: 35, height: 21, channels: 3 })
    expect(dataset.describe(1)).toContain("set/train/cat/2.png")
    const held = await openDataset(val as NonNullable<typeof val>)
    expect([...held.labels]).toEqual([1])
    expect(await held.read(0)).toEqual(await dataset.read(1))
    await dataset.close?.()
    await held.close?.()
  })
})

test.each(["L", "x"] as const)("long names in a tar (%s)", async (kind) => {
  const long = `${"very-".repeat(30)}long`
  const path = await saved("long.tar", tar(entriesOf({ [`${long}/1.png`]: png, "b/1.png": png }), kind))
  expect((await resolveData(path, { valFraction: 0 })).train.kind).toBe("packed")
  expect((await resolveData(path, { valFraction: 0 })).train).toMatchObject({ classes: ["b", long] })
})

test("links in a tar are not followed, links in a folder are, but not in circles", async () => {
  const entries = [...entriesOf({ "a/1.png": png }), { name: "a/2.png", type: "2" }, { name: "a/3.png", type: "1" }]
  const { train } = await resolveData(await saved("links.tar", tar(entries)), { valFraction: 0 })
  expect(train).toMatchObject({ skipped: 2, names: ["a/1.png"] })
  const folder = await unpacked()
  await symlink(folder, join(folder, "set/train/cat/all"))
  await symlink(join(folder, "set/train/cat/1.jpg"), join(folder, "set/train/cat/3.jpg"))
  expect((await openDataset((await resolveData(folder)).train)).length).toBe(4)
})

test("a broken image is named by the loader", async () => {
  const path = await saved("half.tar", tar(entriesOf({ "a/1.png": png, "b/2.png": png.subarray(0, 400) })))
  const { train } = await resolveData(path, { valFraction: 0 })
  const loader = await createLoader({ source: train, batchSize: 2, epochs: 1 })
  const iterate = async (): Promise<void> => {
    for await (const _ of loader);
  }
  await expect(iterate()).rejects.toThrow(/half\.tar: b\/2\.png: broken PNG image/)
})

describe("hostile archives give one line that names them", () => {
  const good = tar(entriesOf({ "a/1.png": png, "b/2.png": png }))
  const flipped = Buffer.from(good)
  flipped[3] = 7
  test.each<[string, Uint8Array, RegExp]>([
    ["no.tar", Buffer.alloc(2000, 65), /is not a tar archive/],
    ["empty.tar", Buffer.alloc(0), /holds no JPEG/],
    ["cut.tar", good.subarray(0, 1000), /is truncated in a\/1\.png/],
    ["head.tar", good.subarray(0, 300), /ends inside the header/],
    ["sum.tar", flipped, /is not a tar archive/],
    ["climb.tar", tar(entriesOf({ "../../a/1.png": png })), /name that leads out of it/],
    ["root.tar", tar(entriesOf({ "/a/1.png": png })), /name that leads out of it/],
    ["giant.tar", tar([{ name: "a/1.png", data: png, size: 8 ** 11 - 1 }]), /is truncated in a\/1\.png/],
    ["cut.tar.gz", gzipSync(good).subarray(0, 100), /broken gzip|truncated|ends inside/],
    ["plain.tgz", good, /broken gzip/],
    ["giant.tgz", gzipSync(tar([{ name: "a/1.png", data: png, size: 2 ** 20 }])), /is truncated in a\/1\.png/],
    ["bomb.tgz", gzipSync(tar([{ name: "a/1.bin", data: Buffer.alloc(2 ** 27) }])), /more than 100 times its size/],
  ])("%s", async (name, bytes, fault) => {
    const path = await saved(name, bytes)
    const error = await resolveData(path).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError", kind: "file" })
    expect((error as Error).message).toMatch(fault)
    expect((error as Error).message.startsWith(path)).toBe(true)
    expect((error as Error).message).not.toContain("\n")
  })

  test("what is not there, and what is no data", async () => {
    await expect(resolveData("/nowhere/set")).rejects.toThrow("/nowhere/set: no such file or folder")
    await expect(resolveData(goldenPath("rgb.png"))).rejects.toThrow(/neither a folder nor a .tar/)
    await expect(resolveData(await temporary())).rejects.toThrow(/holds no JPEG/)
  })
})
