import { setImmediate } from "node:timers/promises"
import { expect, test } from "vitest"
import { type Admit, readAhead } from "../src/internal.ts"
import { openDataset } from "../src/node/open.ts"
import { goldenPath } from "./golden.ts"

const examples = [0, 1, 2, 3, 4, 5, 6, 7]

/** Reads images of so many pixels. Returns the order, and the most pixels that were decoded and not yet taken. */
async function peakOf(pixels: readonly number[], most: number): Promise<readonly [order: number[], peak: number]> {
  const order: number[] = []
  let [decoded, peak] = [0, 0]
  const read = async (example: number, admit: Admit): Promise<number> => {
    // Headers come in any order.
    for (let i = 0; i < (example * 5) % 7; i++) await setImmediate()
    await admit(pixels[example] ?? 0)
    decoded += pixels[example] ?? 0
    peak = Math.max(peak, decoded)
    return pixels[example] ?? 0
  }
  for await (const [example, value] of readAhead(examples, read, most)) {
    for (let i = 0; i < 20; i++) await setImmediate()
    decoded -= value
    order.push(example)
  }
  return [order, peak]
}

test.each([
  ["five small images: the next four, and the one in use", Array(8).fill(10), 1000, 50],
  ["as many pixels as the bound, the next image, and the one in use", Array(8).fill(10), 20, 40],
  ["one image that alone has more, and the one in use", Array(8).fill(10), 5, 20],
  ["the next image beside small ones that came before it", [1, 1, 90, 1, 1, 1, 1, 1], 10, 93],
])("decoded at a time are %s", async (_, pixels, most, expected) => {
  const [order, peak] = await peakOf(pixels, most)
  expect(order).toEqual(examples)
  expect(peak).toBeLessThanOrEqual(expected)
})

test("an image that cannot be read is reported at its turn, and holds no other back", async () => {
  const taken: number[] = []
  const read = async (example: number, admit: Admit): Promise<number> => {
    if (example === 1) return example
    await admit(100)
    if (example === 3) throw new Error("broken")
    return example
  }
  const reading = (async () => {
    for await (const [example] of readAhead(examples, read, 100)) taken.push(example)
  })()
  await expect(reading).rejects.toThrow("broken")
  expect(taken).toEqual([0, 1, 2])
})

test("files say their pixels before they are decoded, also as a part of others", async () => {
  const paths = ["rgb.bmp", "palette.bmp"].map((name) => goldenPath(name))
  const of = { kind: "files", name: "set", classes: ["a"], paths, labels: new Int32Array(2), skipped: 0 } as const
  const dataset = await openDataset({ kind: "subset", of, examples: Uint32Array.of(1), classes: ["a"] })
  const admitted: number[] = []
  const { width, height } = await dataset.read(0, async (pixels) => void admitted.push(pixels))
  expect(admitted).toEqual([width * height])
})
