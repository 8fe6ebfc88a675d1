import { describe, expect, test } from "vitest"
import { decodeImage } from "../../src/web.ts"
import { difference, golden, goldenFile, imageOf, type Stored } from "./golden.ts"

const expected = await golden<Record<string, Stored>>("decode.json")

describe("decodes to Pillow's bytes, as in Node", () => {
  test.each(Object.keys(expected))("%s", async (name) => {
    const { height, width, data } = imageOf(expected[name] as Stored)
    const image = await decodeImage(await goldenFile(name))
    expect([image.height, image.width, image.channels]).toEqual([height, width, 3])
    expect(difference(data, image.data)).toEqual({ length: data.length, count: 0, most: 0 })
  })
})

describe("takes what a page has", () => {
  const { width, height, data } = imageOf(expected["rgb.png"] as Stored)
  const rgba = new Uint8ClampedArray(width * height * 4)
  for (let i = 0; i < width * height; i++) rgba.set([...data.subarray(3 * i, 3 * i + 3), 255], 4 * i)
  test.each<[string, () => Promise<Parameters<typeof decodeImage>[0]>]>([
    ["ArrayBuffer", async () => (await goldenFile("rgb.png")).arrayBuffer()],
    ["Uint8Array", async () => new Uint8Array(await (await goldenFile("rgb.png")).arrayBuffer())],
    ["File", async () => new File([await goldenFile("rgb.png")], "rgb.png")],
    ["ImageBitmap", async () => createImageBitmap(await goldenFile("rgb.png"))],
    ["ImageData", async () => new ImageData(rgba, width, height)],
    [
      "img",
      async () => {
        const element = new Image()
        element.src = URL.createObjectURL(await goldenFile("rgb.png"))
        await element.decode()
        return element
      },
    ],
    [
      "canvas",
      async () => {
        const canvas = document.createElement("canvas")
        Object.assign(canvas, { width, height })
        canvas.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0)
        return canvas
      },
    ],
  ])("%s", async (_, make) => {
    expect(await decodeImage(await make())).toEqual({ width, height, channels: 3, data })
  })

  test("leaves the bytes that it is given as they are", async () => {
    const bytes = new Uint8Array(await (await goldenFile("orientation-6.webp")).arrayBuffer())
    const before = bytes.slice()
    await decodeImage(bytes)
    expect(bytes).toEqual(before)
  })
})

test("works in a worker", async () => {
  const worker = new Worker(new URL("./decode-worker.ts", import.meta.url), { type: "module" })
  const answer = new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }) => resolve(data))
    worker.addEventListener("error", ({ message }) => reject(new Error(message)))
  })
  worker.postMessage(await goldenFile("rgba.png"))
  const { height, width, data } = imageOf(expected["rgba.png"] as Stored)
  expect(await answer).toEqual({ height, width, channels: 3, data })
  worker.terminate()
})

test.each([
  [4097, 3, "rgba(9, 80, 200, 1)"],
  [3, 4097, "rgba(9, 80, 200, 1)"],
  [4097, 3, "rgba(255, 0, 255, 0.5)"],
])("%i × %i pixels of %s, more than a tile", async (width, height, colour) => {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D
  context.fillStyle = colour
  context.fillRect(0, 0, width, height)
  context.clearRect(width - 1, height - 1, 1, 1)
  context.fillStyle = "rgb(1, 2, 3)"
  context.fillRect(width - 1, height - 1, 1, 1)
  const image = await decodeImage(await canvas.convertToBlob({ type: "image/png" }))
  const [r = 0, g = 0, b = 0] = colour.match(/\d+/g)?.map(Number) ?? []
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => [r, g, b][i % 3] as number)
  pixels.set([1, 2, 3], pixels.length - 3)
  expect(difference(pixels, image.data)).toEqual({ length: pixels.length, count: 0, most: 0 })
})

describe("refuses in one line that names the file", () => {
  const bytes = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await (await goldenFile(name)).arrayBuffer())
  const half = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
    const whole = await bytes(name)
    return whole.subarray(0, whole.length >> 1)
  }
  const claimed = async (name: string, at: number, side: (view: DataView, at: number) => void): Promise<Uint8Array> => {
    const file = await bytes(name)
    side(new DataView(file.buffer), at)
    side(new DataView(file.buffer), at + (name.endsWith("png") ? 4 : 2))
    return file
  }
  test.each<[string, () => Promise<Uint8Array>, RegExp]>([
    ["empty.jpg", async () => new Uint8Array(), /is empty/],
    [
      "text.png",
      async () => new TextEncoder().encode("not an image"),
      /is not a JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF image/,
    ],
    ["drawing.svg", async () => new TextEncoder().encode("<svg width='9' height='9'/>"), /is a SVG image/],
    ["half.jpg", () => half("420.jpg"), /broken JPEG image/],
    ["start.jpg", async () => (await bytes("420.jpg")).subarray(0, 4), /broken JPEG image/],
    ["half.png", () => half("rgb.png"), /broken PNG image/],
    ["start.png", async () => (await bytes("rgb.png")).subarray(0, 9), /broken PNG image/],
    ["half.webp", () => half("lossless.webp"), /broken WebP image/],
    ["half.gif", () => half("still.gif"), /broken GIF image/],
    ["giant.png", () => claimed("rgb.png", 16, (v, at) => v.setUint32(at, 200_000)), /more than 100 million pixels/],
    ["giant.gif", () => claimed("still.gif", 6, (v, at) => v.setUint16(at, 65_535)), /more than 100 million pixels/],
  ])("%s", async (name, make, fault) => {
    const file = new File([(await make()) as Uint8Array<ArrayBuffer>], name)
    const error = await decodeImage(file).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError", kind: "file" })
    expect((error as Error).message).toMatch(fault)
    expect((error as Error).message).toContain(name)
    expect((error as Error).message).not.toContain("\n")
  })
})
