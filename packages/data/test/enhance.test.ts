import { expect, test } from "vitest"
import * as enhance from "../src/transforms/enhance.ts"
import { bytesOf, difference, equal, golden, imageOf, type Stored } from "./golden.ts"

const stored = golden<Stored & { cases: Record<string, string> }>("enhance.json")
const image = imageOf(stored)
const operations: Record<string, (argument: number) => { data: Uint8Array }> = {
  autoContrast: () => enhance.autoContrast(image),
  equalize: () => enhance.equalize(image),
  invert: () => enhance.invert(image),
  posterize: (bits) => enhance.posterize(image, bits),
  solarize: (threshold) => enhance.solarize(image, threshold),
  solarizeAdd: (amount) => enhance.solarizeAdd(image, amount),
  color: (factor) => enhance.adjustColor(image, factor),
  contrast: (factor) => enhance.adjustContrast(image, factor),
  brightness: (factor) => enhance.adjustBrightness(image, factor),
  sharpness: (factor) => enhance.adjustSharpness(image, factor),
}

test.each(Object.entries(stored.cases))("%s gives Pillow's bytes", (name, base64) => {
  const [operation, argument] = name.split(":") as [string, string?]
  const expected = bytesOf(base64)
  const got = operations[operation]?.(Number(argument)).data as Uint8Array
  expect(difference(expected, got)).toEqual(equal(expected))
})

test("affine: the identity, a shift by one pixel, and what lies outside", () => {
  expect(enhance.affine(image, [1, 0, 0, 0, 1, 0]).data).toEqual(image.data)
  const shifted = enhance.affine(image, [1, 0, 1, 0, 1, 0])
  expect(shifted.data.subarray(0, 66)).toEqual(image.data.subarray(3, 69))
  expect([...shifted.data.subarray(66, 69)]).toEqual([128, 128, 128])
})
