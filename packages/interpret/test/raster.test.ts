import { decode } from "fast-png"
import { expect, test } from "vitest"
import { encodePng, heatmap, spotlight, overlay, viridis } from "../src/index.ts"

const grid = { rows: 2, columns: 3 }
const map = { grid, values: Float32Array.of(0, 1, 2, 3, 4, 8) }
const image = { width: 6, height: 4, channels: 3 as const, data: Uint8Array.from({ length: 72 }, (_, i) => 3 * i) }

test("a PNG holds the pixels", () => {
  for (const channels of [1, 3, 4] as const) {
    const data = Uint8Array.from({ length: 6 * channels }, (_, i) => 11 * i)
    const found = decode(encodePng({ width: 3, height: 2, channels, data }))
    expect(found).toMatchObject({ width: 3, height: 2, channels, depth: 8 })
    expect(Uint8Array.from(found.data)).toEqual(data)
  }
})

test("a heat map has the colour of each share of the largest in the middle of its patch", () => {
  // Of an odd number of pixels a patch, so that there is a middle.
  const found = heatmap(map, 15, viridis)
  expect([found.width, found.height]).toEqual([15, 10])
  const five = heatmap({ grid: { rows: 1, columns: 3 }, values: Float32Array.of(0, 2, 4) }, 15, viridis)
  for (const [column, share] of [0, 0.5, 1].entries())
    expect(five.data.slice((column * 5 + 2) * 3).slice(0, 3)).toEqual(Uint8Array.from(viridis(share)))
})

test("an image in the light of a map is black where that is 0, and itself where it is largest", () => {
  const found = spotlight(image, map, 6)
  expect([found.width, found.height, found.channels]).toEqual([6, 4, 3])
  expect(found.data.slice(0, 3)).toEqual(Uint8Array.of(0, 0, 0))
  expect(found.data.slice(-3)).toEqual(image.data.slice(-3))
})

test("an image under a map that is 0 everywhere is grey, and grey images are taken too", () => {
  const none = { grid, values: new Float32Array(6) }
  const found = overlay({ width: 6, height: 4, channels: 1, data: new Uint8Array(24).fill(100) }, none, 12, viridis)
  expect([found.width, found.height, found.channels]).toEqual([12, 8, 3])
  expect(new Set(found.data)).toEqual(new Set([100]))
})
