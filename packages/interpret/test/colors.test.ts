import { expect, test } from "vitest"
import { colorTable, inferno, scaleColors, viridis } from "../src/index.ts"

test("a scale runs from its least to its greatest colour, and what is signed has the background's in the middle", () => {
  const signed = scaleColors("signed", "light")
  const [blue, middle, orange] = [signed(0), signed(0.5), signed(1)]
  expect(blue[2]).toBeGreaterThan(blue[0] + 60)
  expect(Math.min(...middle)).toBeGreaterThan(235)
  expect(orange[0]).toBeGreaterThan(orange[2] + 60)
  expect(Math.max(...scaleColors("signed", "dark")(0.5))).toBeLessThan(40)
  const table = colorTable("share", "dark")
  expect(table).toHaveLength(768)
  expect(scaleColors("share", "dark")(1)).toEqual([...table.subarray(765)])
})

test("maps are the papers', and hold beyond their ends", () => {
  expect(viridis(0)).toEqual([68, 1, 84])
  expect(viridis(1)).toEqual([253, 231, 37])
  expect(inferno(0)).toEqual([0, 0, 4])
  expect(inferno(2)).toEqual(inferno(1))
})
