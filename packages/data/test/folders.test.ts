import { mkdir, mkdtemp, readFile, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import type { Batch, BrokenExample, LoaderOptions } from "../src/index.ts"
import { createLoader, meanStd, openDataset, resolveData } from "../src/node.ts"
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

test("a broken image of an archive is named by the loader", async () => {
  const path = await saved("half.tar", tar(entriesOf({ "a/1.png": png, "b/2.png": png.subarray(0, 400) })))
  const { train } = await resolveData(path, { valFraction: 0 })
  const loader = await createLoader({ source: train, batchSize: 2, epochs: 1, strict: true })
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

describe("a broken image", () => {
  /** Ten good images and some that are cut. */
  async function withBroken(count: number, good = 10): Promise<string> {
    const root = await temporary()
    await mkdir(join(root, "a"))
    await mkdir(join(root, "b"))
    for (let i = 0; i < good; i++) await writeFile(join(root, i % 2 === 0 ? "a" : "b", `${i}.png`), png)
    for (let i = 0; i < count; i++) await writeFile(join(root, "a", `9${i}-cut.png`), png.subarray(0, 300))
    return root
  }
  const open = async (root: string, options: Partial<LoaderOptions> = {}): Promise<Batch[]> => {
    const { train } = await resolveData(root, { valFraction: 0 })
    const batches: Batch[] = []
    const loader = await createLoader({ source: train, batchSize: 4, epochs: 1, ...options })
    for await (const batch of loader) batches.push(batch)
    return batches
  }

  test("keeps its place with weight 0, and is named once", async () => {
    const root = await withBroken(1)
    const messages: string[] = []
    const onBroken = ({ message }: BrokenExample): void => void messages.push(message)
    const batches = await open(root, { epochs: 2, onBroken })
    expect(batches.flatMap(({ weights }) => [...weights])).toEqual(
      [1, 2].flatMap(() => [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0]),
    )
    expect(messages).toEqual([expect.stringMatching(/a\/90-cut\.png: broken PNG image/)])
    const [, second] = batches
    expect([...(second?.targets.subarray(2, 4) ?? [])]).toEqual([0, 0])
    expect(second?.broken?.map(({ example }) => example)).toEqual([5])
  })

  test("leaves its partner in a mixed batch as it is", async () => {
    const root = await withBroken(1, 3)
    const [batch] = await open(root, { mix: { mixup: 0.4 } })
    expect([...(batch?.targets ?? [])].reduce((a, b) => a + b)).toBeCloseTo(3)
    expect([...(batch?.weights ?? [])]).toEqual([1, 1, 0, 1])
    expect(batch?.targets.subarray(2, 4).every((target) => target === 0 || target > 0.99)).toBe(true)
  })

  test("does not count in mean and standard deviation, even as the first", async () => {
    const root = await withBroken(1)
    await writeFile(join(root, "a", "0.png"), png.subarray(0, 100))
    const dataset = await openDataset((await resolveData(root, { valFraction: 0 })).train)
    const whole = await openDataset((await resolveData(await withBroken(0), { valFraction: 0 })).train)
    const [{ mean }, expected] = [await meanStd(dataset), await meanStd(whole)]
    for (const [c, value] of expected.mean.entries()) expect(mean[c]).toBeCloseTo(value, 12)
    expect((await open(root)).length).toBe(3)
  })

  test("ends the loading at once where that is asked for, and where there are too many", async () => {
    await expect(open(await withBroken(1), { strict: true })).rejects.toThrow(/90-cut\.png: broken PNG/)
    expect((await open(await withBroken(9))).length).toBe(5)
    await expect(open(await withBroken(10))).rejects.toThrow(/10 of 20 images cannot be read, such as .*mend or remove/)
    const none = await withBroken(2, 0)
    await writeFile(join(none, "b", "1.png"), Buffer.alloc(0))
    await expect(open(none)).rejects.toThrow(/broken PNG|is empty/)
  })
})
