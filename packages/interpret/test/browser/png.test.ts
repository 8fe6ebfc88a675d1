import { decode } from "fast-png"
import { expect, test } from "vitest"
import { toPng } from "../../src/web/png.ts"
import { sampleFigures } from "../samples.ts"

const figures = sampleFigures({ rows: 2, columns: 3, prefix: 1, channels: 3, name: "<b>&", theme: "light" })

test.each(Object.entries(figures))("the browser draws %s", async (_, svg) => {
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []
  const png = decode(await toPng(svg))
  expect([png.width, png.height]).toEqual([2 * Number(width), 2 * Number(height)])
  const seen = new Set<number>()
  for (let i = 0; i < png.data.length; i += png.channels) seen.add(png.data[i] as number)
  expect(seen.size).toBeGreaterThan(20)
})
