import { mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { meanStd, openDataset, resolveData } from "../src/node.ts"
import { readIdx } from "../src/node/idx.ts"

const header = (type: number, dims: number[]): Buffer => {
  const bytes = Buffer.alloc(4 + 4 * dims.length)
  bytes[2] = type
  bytes[3] = dims.length
  dims.forEach((extent, axis) => {
    bytes.writeUInt32BE(extent, 4 + 4 * axis)
  })
  return bytes
}
const idx = (dims: number[], data: ArrayLike<number>): Buffer => Buffer.concat([header(8, dims), Uint8Array.from(data)])
const counting = (n: number): number[] => Array.from({ length: n }, (_, i) => i % 256)

async function folder(files: Record<string, Uint8Array | string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "vitrine-"))
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(path, name), bytes)
  return path
}

describe("a folder of IDX files", () => {
  test.each(["", ".gz"])("named as MNIST's%s", async (end) => {
    const pack = end === "" ? (bytes: Buffer) => bytes : gzipSync
    const path = await folder({
      [`train-images-idx3-ubyte${end}`]: pack(idx([5, 2, 3], counting(30))),
      [`train-labels-idx1-ubyte${end}`]: pack(idx([5], [2, 0, 1, 0, 2])),
      [`t10k-images-idx3-ubyte${end}`]: pack(idx([2, 2, 3], counting(12))),
      [`t10k-labels-idx1-ubyte${end}`]: pack(idx([2], [3, 0])),
    })
    const { train, val, test, splitNames } = await resolveData(path)
    expect([val, splitNames]).toEqual([null, { train: "train", test: "t10k" }])
    const divided = await resolveData(path, { valFraction: 0.5 })
    const sizes = [divided.train, divided.val].map(async (part) => part && (await openDataset(part)).length)
    expect(await Promise.all(sizes)).toEqual([3, 2])
    const dataset = await openDataset(train)
    expect(dataset).toMatchObject({ length: 5, channels: 1, classes: ["0", "1", "2", "3"] })
    expect([...dataset.labels]).toEqual([2, 0, 1, 0, 2])
    expect(await dataset.read(1)).toEqual({ width: 3, height: 2, channels: 1, data: Uint8Array.of(6, 7, 8, 9, 10, 11) })
    expect((await openDataset(test as NonNullable<typeof test>)).length).toBe(2)
    const { mean, std } = await meanStd(dataset)
    expect(mean[0]).toBeCloseTo(14.5 / 255, 12)
    expect(std[0]).toBeCloseTo(Math.sqrt((30 * 30 - 1) / 12) / 255, 12)
  })

  test("with names for its classes", async () => {
    const path = await folder({
      "train-images-idx3-ubyte": idx([2, 1, 1], [1, 2]),
      "train-labels-idx1-ubyte": idx([2], [0, 1]),
      "classes.txt": "shirt\r\nshoe\n",
    })
    expect((await openDataset((await resolveData(path)).train)).classes).toEqual(["shirt", "shoe"])
  })

  test("with one file of a pair missing", async () => {
    const path = await folder({ "train-images-idx3-ubyte": idx([2, 1, 1], [1, 2]) })
    await expect(resolveData(path)).rejects.toThrow(/train-images-idx3-ubyte, but no labels file/)
  })
})

test("image and label counts must agree, and labels must be in range", async () => {
  const path = await folder({
    images: idx([2, 1, 1], [1, 2]),
    three: idx([3], [0, 1, 0]),
    seven: idx([2], [0, 7]),
    flat: idx([2], [0, 1]),
  })
  const at = (name: string): string => join(path, name)
  const open = (images: string, labels: string, classes?: string[]): Promise<unknown> =>
    openDataset({ kind: "idx", images: at(images), labels: at(labels), ...(classes ? { classes } : {}) })
  await expect(open("images", "three")).rejects.toThrow(/has 2 images, .*three has 3 labels/)
  await expect(open("images", "seven", ["a", "b"])).rejects.toThrow(/seven: example 1 has class 7, but there are 2/)
  await expect(open("flat", "flat")).rejects.toThrow(/flat: images have the shape/)
  await expect(open("images", "images")).rejects.toThrow(/images: labels have one axis/)
})

describe("hostile files give one line that names them", () => {
  const valid = idx([3, 2, 2], counting(12))
  test.each<[string, Uint8Array, RegExp]>([
    ["empty", Buffer.alloc(0), /4 bytes of magic/],
    ["magic", Buffer.from([9, 9, 8, 3, 0, 0, 0, 1]), /not an IDX file: its magic is 0x09090803/],
    ["floats", header(0x0d, [1, 1, 1]), /only 0x08/],
    ["axes", Buffer.from([0, 0, 8, 200]), /claims 200 axes/],
    ["header", valid.subarray(0, 9), /ends inside its header/],
    ["short", valid.subarray(0, 20), /claims 3×2×2 = 28 bytes, but the file has 20/],
    ["long", Buffer.concat([valid, Buffer.alloc(5)]), /but the file has 33/],
    ["giant", header(8, [2 ** 32 - 1, 30000, 30000]), /claims/],
    ["absurd", header(8, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1]), /impossible shape/],
    ["none", header(8, [0, 28, 28]), /empty shape/],
    ["zipped", gzipSync(valid), /is gzipped/],
    ["plain.gz", valid, /is not a gzip file/],
    ["cut.gz", gzipSync(valid).subarray(0, 25), /gzip|header|bytes/],
    ["bomb.gz", gzipSync(Buffer.concat([valid, Buffer.alloc(2 ** 26)])), /unpacks to more than the 28 bytes/],
    ["less.gz", gzipSync(valid.subarray(0, 24)), /unpacked it has 24/],
    ["giant.gz", gzipSync(header(8, [60000, 28000, 28000])), /claims .* packed/],
  ])("%s", async (name, bytes, fault) => {
    const path = join(await folder({ [name]: bytes }), name)
    const error = await readIdx(path).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError", kind: "file" })
    expect((error as Error).message).toMatch(fault)
    expect((error as Error).message.startsWith(path)).toBe(true)
    expect((error as Error).message).not.toContain("\n")
  })
})
