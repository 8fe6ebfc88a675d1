import { readFileSync } from "node:fs"
import { mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { describe, expect, test } from "vitest"
import { decodeImage } from "../src/node.ts"
import { difference, equal, golden, goldenPath, imageOf, type Stored } from "./golden.ts"

describe("decodes to Pillow's bytes", () => {
  test.each(Object.entries(golden<Record<string, Stored>>("decode.json")))("%s", async (name, stored) => {
    const expected = imageOf(stored)
    const image = await decodeImage(goldenPath(name))
    expect([image.height, image.width, image.channels]).toEqual([expected.height, expected.width, 3])
    expect(difference(expected.data, image.data)).toEqual(equal(expected.data))
  })
})

describe("decodes TIFF and BMP to Pillow's bytes, and AVIF within a stated difference", () => {
  const cases = golden<Record<string, Stored & { most: number }>>("decode-node.json")
  test.each(Object.entries(cases))("%s", async (name, stored) => {
    const expected = imageOf(stored)
    const image = await decodeImage(goldenPath(name))
    expect([image.height, image.width, image.channels]).toEqual([expected.height, expected.width, 3])
    const { length, most } = difference(expected.data, image.data)
    expect(length).toBe(expected.data.length)
    expect(most).toBeLessThanOrEqual(stored.most)
  })
})

test("a small image has the same bytes after broken ones", async () => {
  for (const name of ["420.jpg", "rgb.png"]) {
    const bytes = readFileSync(goldenPath(name))
    const { data } = await decodeImage(bytes)
    for (let size = 20; size < bytes.length - 20; size += 60)
      await expect(decodeImage(bytes.subarray(0, size)), name).rejects.toThrow(/broken/)
    expect(Buffer.compare((await decodeImage(bytes)).data, data)).toBe(0)
  }
})

test.each([
  { width: 127, height: 99, progressive: true },
  { width: 500, height: 375, progressive: false },
  { width: 500, height: 375, chromaSubsampling: "4:4:4" },
  { width: 700, height: 500, progressive: true },
])("a JPEG has the bytes of libvips, whichever library decodes it: %o", async ({ width, height, ...options }) => {
  const data = Buffer.from(Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * (i % 701)) >> 7))
  const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg(options)
    .toBuffer()
  expect(Buffer.compare((await decodeImage(jpeg)).data, await sharp(jpeg).raw().toBuffer())).toBe(0)
})

describe("refuses in one line that names the file", () => {
  const jpeg = readFileSync(goldenPath("420.jpg"))
  const png = readFileSync(goldenPath("rgb.png"))
  const claimed = Buffer.from(png)
  claimed.writeUInt32BE(200_000, 16)
  claimed.writeUInt32BE(200_000, 20)
  test.each([
    ["empty.jpg", Buffer.alloc(0), /is empty/],
    ["text.png", Buffer.from("not an image"), /is not a JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF image/],
    ["drawing.svg", Buffer.from("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"), /is a SVG image/],
    [
      "phone.jpg",
      Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
      /is a HEIC image, which is not decoded; convert it to JPEG or PNG/,
    ],
    ["lake.jp2", Buffer.from("\0\0\0\x0cjP  \r\n"), /is a JPEG 2000 image/],
    ["half.tif", readFileSync(goldenPath("tiff_lzw.tif")).subarray(0, 300), /broken TIFF image/],
    ["half.bmp", readFileSync(goldenPath("rgb.bmp")).subarray(0, 300), /half\.bmp: broken BMP image \(truncated\)/],
    [
      "palette.bmp",
      readFileSync(goldenPath("palette.bmp")).subarray(0, 70),
      /broken BMP image \(ends inside its palette\)/,
    ],
    ["half.avif", readFileSync(goldenPath("444.avif")).subarray(0, 300), /broken AVIF image/],
    ["half.jpg", jpeg.subarray(0, jpeg.length >> 1), /broken JPEG image/],
    ["start.jpg", jpeg.subarray(0, 4), /broken JPEG image/],
    ["half.png", png.subarray(0, png.length >> 1), /broken PNG image/],
    ["giant.png", claimed, /more than 100 million pixels|broken PNG/],
    ["half.webp", readFileSync(goldenPath("lossless.webp")).subarray(0, 300), /broken WebP image/],
    ["half.gif", readFileSync(goldenPath("still.gif")).subarray(0, 60), /broken GIF image/],
  ])("%s", async (name, bytes, fault) => {
    const path = join(await mkdtemp(join(tmpdir(), "vitrine-")), name)
    await writeFile(path, bytes)
    const error = await decodeImage(path).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError", kind: "file" })
    expect((error as Error).message).toMatch(fault)
    expect((error as Error).message).toContain(name)
    expect((error as Error).message).not.toContain("\n")
  })

  test("a file that is not there", async () => {
    await expect(decodeImage("/nowhere/cat.jpg")).rejects.toThrow(
      "/nowhere/cat.jpg: cannot be read (no such file or directory)",
    )
  })
})
