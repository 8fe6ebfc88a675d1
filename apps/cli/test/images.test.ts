import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { encodePng } from "@vitrine/interpret/node"
import { expect, test } from "vitest"
import { decodedAhead } from "../dist/images.js"
import { temporaryFolder } from "./vitrine.ts"

const folder = temporaryFolder()
const image = { width: 8, height: 8, channels: 3, data: new Uint8Array(8 * 8 * 3) } as const
const files = Array.from({ length: 8 }, (_, i) => join(folder, `${i}.png`))
for (const file of files) writeFileSync(file, encodePng(image))

test.each([
  ["four images at the most", 1e6, 4],
  ["as many as have the pixels of a batch", 2 * 64, 2],
  ["one that alone has more", 10, 1],
])("%s are decoded ahead", async (_, most, expected) => {
  const order: string[] = []
  let [waiting, peak] = [0, 0]
  const decode = async (): Promise<typeof image> => {
    peak = Math.max(peak, ++waiting)
    return image
  }
  for await (const [file] of decodedAhead(files, most, decode)) {
    waiting--
    order.push(file)
  }
  expect([peak, order]).toEqual([expected, files])
})
