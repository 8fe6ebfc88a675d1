import { foldKey, keyFromSeed, randomStream, type RandomStream } from "@vitrine/core"
import { describe, expect, test } from "vitest"
import {
  applyTransforms,
  centerCrop,
  evaluationTransform,
  flip,
  grayscale,
  type Image,
  normalize,
  padCrop,
  randAugment,
  randomCrop,
  randomErasing,
  randomResizedCrop,
  resize,
  toRgb,
  type Transform,
} from "../src/index.ts"
import { mixBatch } from "../src/mix.ts"
import { checkTransforms } from "../src/transforms/fields.ts"
import { centerWindow, randomWindow, resizedSize, roundHalfEven } from "../src/transforms/geometry.ts"

const image = (width: number, height: number, channels: 1 | 3 | 4 = 3): Image => ({
  width,
  height,
  channels,
  data: Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37 + (i >> 4)) & 255),
})
const key = keyFromSeed(5)
const nth = (i: number): ReturnType<typeof foldKey> => foldKey(key, i)

describe("sizes and places", () => {
  // As torchvision's Resize and CenterCrop compute them.
  test.each([
    [375, 500, 256, [256, 341]],
    [500, 375, 256, [341, 256]],
    [333, 500, 248, [248, 372]],
    [7, 1000, 5, [5, 714]],
    [64, 64, 64, [64, 64]],
  ] as const)("%i×%i to shortest side %i", (height, width, size, expected) => {
    expect(resizedSize(height, width, { size })).toEqual(expected)
  })
  // As timm's ResizeKeepRatio computes them, with longest 0 and 1.
  test.each([
    [75, 100, [71, 53], [71, 95], [40, 53]],
    [97, 41, [71, 53], [125, 53], [71, 30]],
    [53, 70, [53, 71], [54, 71], [53, 70]],
    [10, 20, [5, 15], [8, 15], [5, 10]],
    [1, 900, [4, 4], [4, 3600], [1, 4]],
  ] as const)("%i×%i covers and is contained in %j", (height, width, size, cover, contain) => {
    expect(resizedSize(height, width, { size, fit: "cover" })).toEqual(cover)
    expect(resizedSize(height, width, { size, fit: "contain" })).toEqual(contain)
  })
  test("a crop fills what is missing", () => {
    const step = centerCrop([3, 2], { fill: [7, 8, 9] })
    const { data } = applyTransforms({ width: 2, height: 1, channels: 3, data: new Uint8Array(6).fill(50) }, [step])
    const row = [7, 8, 9, 7, 8, 9]
    expect([...data].map((x) => Math.round(x * 255))).toEqual([...row, 50, 50, 50, 50, 50, 50, ...row])
  })
  test.each([
    [256, 341, 224, { y: 16, x: 58 }],
    [227, 225, 224, { y: 2, x: 0 }],
    [100, 229, 224, { y: -62, x: 2 }],
    [101, 99, 224, { y: -61, x: -62 }],
  ] as const)("%i×%i, centre %i", (height, width, size, expected) => {
    expect(centerWindow(height, width, [size, size])).toMatchObject(expected)
  })
  test("halves are rounded to even", () => {
    expect([0.5, 1.5, 2.5, -0.5, 2.4, 2.6].map(roundHalfEven)).toEqual([0, 2, 2, 0, 2, 3])
  })
  test("evaluation follows timm", () => {
    expect(evaluationTransform(224)[0]).toEqual(resize(248))
    expect(evaluationTransform(384, { cropPct: 1 })[0]).toEqual(resize(384))
  })
  test("random crops stay inside, and fall back to the centre", () => {
    const step = randomResizedCrop(24) as Extract<Transform, { op: "randomResizedCrop" }>
    const areas: number[] = []
    for (let i = 0; i < 500; i++) {
      const { x, y, width, height } = randomWindow(60, 90, step, randomStream(nth(i)))
      expect(x >= 0 && y >= 0 && x + width <= 90 && y + height <= 60).toBe(true)
      areas.push((width * height) / 5400)
    }
    expect(Math.min(...areas)).toBeGreaterThan(0.06)
    expect(Math.max(...areas)).toBeGreaterThan(0.8)
    expect(randomWindow(10, 1000, step, randomStream(key))).toEqual({ x: 493, y: 0, width: 13, height: 10 })
  })
})

describe("transforms", () => {
  test("normalize computes in float32, as torchvision", () => {
    const { data, shape } = applyTransforms(image(2, 2), [normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    const { fround } = Math
    expect(shape).toEqual([2, 2, 3])
    expect(data[1]).toBe(fround(fround(fround(37 / 255) - fround(0.456)) / fround(0.224)))
    expect(applyTransforms(image(2, 2), []).data[1]).toBe(fround(37 / 255))
  })

  test("resize and centerCrop together are what they are apart", () => {
    const source = image(50, 37)
    const together = applyTransforms(source, [resize(24), centerCrop(20)])
    const first = applyTransforms(source, [resize(24)])
    const bytes = { width: 32, height: 24, channels: 3 as const, data: first.data.map((x) => Math.round(x * 255)) }
    expect(first.shape).toEqual([24, 32, 3])
    const apart = applyTransforms({ ...bytes, data: Uint8Array.from(bytes.data) }, [centerCrop(20)])
    expect(together).toEqual(apart)
  })

  test("centerCrop rounds an odd rest to the even offset, or down", () => {
    const columns = {
      width: 7,
      height: 7,
      channels: 1 as const,
      data: Uint8Array.from({ length: 49 }, (_, i) => i % 7),
    }
    const first = (size: number, rounding?: "down"): number =>
      Math.round(255 * (applyTransforms(columns, [centerCrop(size, rounding && { rounding })]).data[0] as number))
    expect([6, 4, 2].map((size) => first(size))).toEqual([0, 2, 2])
    expect([6, 4, 2].map((size) => first(size, "down"))).toEqual([0, 1, 2])
    // Of an odd number of missing columns the larger half stands before the image, as transformers' Pillow backend pads.
    const padded = applyTransforms(columns, [centerCrop([7, 10], { rounding: "down" })]).data
    expect(Array.from(padded.subarray(0, 10), (x) => Math.round(255 * x))).toEqual([0, 0, 0, 1, 2, 3, 4, 5, 6, 0])
  })

  test("flip mirrors half of the images", () => {
    const source = image(5, 3)
    const mirrored = applyTransforms(source, [flip(1)]).data
    for (let y = 0; y < 3; y++)
      for (let x = 0; x < 5; x++)
        for (let c = 0; c < 3; c++)
          expect(mirrored[(y * 5 + x) * 3 + c]).toBe(
            Math.fround((source.data[(y * 5 + 4 - x) * 3 + c] as number) / 255),
          )
    const plain = applyTransforms(source, []).data
    const count = Array.from({ length: 400 }, (_, i) => applyTransforms(source, [flip()], nth(i)).data).filter(
      (data) => data[0] !== plain[0],
    ).length
    expect(count).toBeGreaterThan(150)
    expect(count).toBeLessThan(250)
  })

  test("randomCrop takes every place of the squashed image", () => {
    const source = image(9, 13)
    const step = randomCrop([4, 4], { scale: 1.4, interpolation: "bilinear" })
    const square = applyTransforms(source, [resize([6, 6], { interpolation: "bilinear" })]).data
    const seen = new Set(Array.from({ length: 200 }, (_, i) => applyTransforms(source, [step], nth(i)).data.join()))
    expect(seen.size).toBe(9)
    for (const [y, x] of [0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => [y, x] as const)))
      expect(seen).toContain(
        Array.from({ length: 48 }, (_, i) => square[(Math.floor(i / 12) + y) * 18 + 3 * x + (i % 12)] as number).join(),
      )
    expect(() => checkTransforms([randomCrop(4, { scale: 0.5 })])).toThrow("scale must be a number in [1, 8]")
  })

  test("padCrop moves by each offset, zeros come in", () => {
    const source: Image = { width: 3, height: 3, channels: 1, data: new Uint8Array(9).fill(255) }
    const sums = new Set(
      Array.from({ length: 300 }, (_, i) => applyTransforms(source, [padCrop(1)], nth(i)).data.join("")),
    )
    expect(sums.size).toBe(9)
    expect(sums).toContain("000011011")
  })

  test("randomErasing sets one rectangle to 0 after normalize", () => {
    const source: Image = { width: 40, height: 40, channels: 1, data: new Uint8Array(1600).fill(255) }
    for (let i = 0; i < 50; i++) {
      const { data } = applyTransforms(source, [normalize(0.5, 0.5), randomErasing(1)], nth(i))
      const zeros = data.filter((x) => x === 0).length
      expect(zeros).toBeGreaterThan(20)
      expect(zeros).toBeLessThan(600)
      expect(data.every((x) => x === 0 || x === 1)).toBe(true)
    }
    expect(applyTransforms(source, [normalize(0.5, 0.5), randomErasing(0)], key).data).not.toContain(0)
  })

  test("randAugment keeps the size, depends on the key alone, and changes most images", () => {
    const source = image(20, 16)
    const plain = applyTransforms(source, []).data
    let changed = 0
    for (let i = 0; i < 100; i++) {
      const once = applyTransforms(source, [randAugment(2, 9)], nth(i))
      expect(once.shape).toEqual([16, 20, 3])
      expect(applyTransforms(source, [randAugment(2, 9)], nth(i))).toEqual(once)
      if (once.data.some((x, at) => x !== plain[at])) changed++
    }
    expect(changed).toBeGreaterThan(55)
    expect(changed).toBeLessThan(95)
  })

  test("channels", () => {
    const white: Image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(255, 255, 255) }
    expect([...applyTransforms(white, [grayscale()]).data]).toEqual([1])
    expect(applyTransforms(image(2, 2, 1), [toRgb()]).shape).toEqual([2, 2, 3])
    expect(applyTransforms(image(2, 2, 4), [toRgb()]).shape).toEqual([2, 2, 3])
    expect(() => applyTransforms(image(2, 2, 4), [])).toThrow(/add toRgb/)
    expect(() => applyTransforms(image(2, 2, 1), [normalize([0, 0, 0], [1, 1, 1])])).toThrow(/3 means, the image 1/)
  })

  test.each<[string, unknown[], RegExp]>([
    ["unknown", [{ op: "blur" }], /transform 0: there is no operation "blur"/],
    ["size", [resize(0)], /transform 0 \(resize\): size/],
    ["fit", [resize([8, 8], { fit: "fill" as never })], /fit must be one of cover, contain/],
    ["fit of a side", [resize(8, { fit: "cover" })], /fit needs a size of \[height, width\]/],
    [
      "fill",
      [centerCrop(8, { fill: [1, 256, 0] })],
      /transform 0 \(centerCrop\): fill must be a list, each an integer from 0 to 255/,
    ],
    ["filter", [resize(8, { interpolation: "cubic" as never })], /interpolation must be one of/],
    ["std", [normalize(0, 0)], /std must not be 0/],
    ["means", [normalize([1, 2], [1, 2])], /1 or 3 numbers/],
    ["order", [normalize(0, 1), flip()], /transform 1 \(flip\): must come before normalize/],
    ["erasing", [randomErasing()], /must come after normalize/],
    ["probability", [flip(2)], /p must be a number in \[0, 1\], got 2/],
    ["magnitude", [randAugment(2, Number.NaN)], /magnitude/],
  ])("refuses %s", (_, transforms, fault) => {
    expect(() => checkTransforms(transforms as Transform[])).toThrow(fault)
  })
})

describe("mixing a batch", () => {
  const rows = (n: number, size: number): Float32Array =>
    Float32Array.from({ length: n * size }, (_, i) => Math.floor(i / size))
  const oneHot = (n: number): Float32Array =>
    Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0))
  const from = (i: number): RandomStream => randomStream(nth(i))

  test("mixup blends row i with row n − 1 − i", () => {
    const images = rows(4, 6)
    const targets = oneHot(4)
    const lambda = mixBatch(images, targets, [4, 2, 3, 1], { mixup: 0.8 }, from(1))
    expect(lambda).toBeGreaterThan(0)
    expect(lambda).toBeLessThan(1)
    expect(images[0]).toBeCloseTo(3 * (1 - lambda), 5)
    expect(images[23]).toBeCloseTo(3 * lambda, 5)
    expect([...targets.subarray(0, 4)]).toEqual([Math.fround(lambda), 0, 0, Math.fround(1 - lambda)])
  })

  test("CutMix pastes a rectangle, and λ is its true share", () => {
    for (let i = 0; i < 30; i++) {
      const images = rows(3, 64)
      const targets = oneHot(3)
      const lambda = mixBatch(images, targets, [3, 8, 8, 1], { cutmix: 1 }, from(i))
      const pasted = images.subarray(0, 64).filter((x) => x === 2).length
      expect(lambda).toBeCloseTo(1 - pasted / 64, 6)
      expect(images.subarray(128).filter((x) => x === 0).length).toBe(pasted)
      expect(images.subarray(64, 128).every((x) => x === 1)).toBe(true)
      expect(targets[4]).toBe(1)
    }
  })

  test("λ of mixup has the mean and variance of Beta(α, α)", () => {
    const lambdas = Array.from({ length: 4000 }, (_, i) =>
      mixBatch(rows(2, 1), oneHot(2), [2, 1, 1, 1], { mixup: 0.4 }, from(i)),
    )
    const mean = lambdas.reduce((sum, x) => sum + x, 0) / 4000
    const variance = lambdas.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 4000
    expect(mean).toBeCloseTo(0.5, 1)
    expect(variance).toBeCloseTo(1 / (4 * (2 * 0.4 + 1)), 2)
  })
})

describe("a resize to numbers", () => {
  const row: Image = { width: 3, height: 1, channels: 1, data: Uint8Array.of(0, 100, 255) }
  const numbers = (...steps: Transform[]): number[] =>
    Array.from(applyTransforms(row, steps).data, (x) => Math.round(255e4 * x) / 1e4)

  test("keeps the fractions of bytes, which the usual one rounds", () => {
    // Windows of 1.5 pixels around 0.75 and 2.25, as torchvision's antialias takes them.
    expect(numbers(resize([1, 2], { interpolation: "bilinear", precision: "float" }))).toEqual([37.5, 196.875])
    expect(numbers(resize([1, 2], { interpolation: "bilinear" }))).toEqual([38, 197])
  })

  test("is followed by crops, whose odd half pixel goes to the upper left", () => {
    const step = resize([1, 3], { precision: "float" })
    expect(numbers(step, centerCrop([1, 2], { rounding: "zero" }))).toEqual([0, 100])
    expect(numbers(step, centerCrop([1, 4], { rounding: "zero" }))).toEqual([0, 100, 255, 0])
    expect(() => numbers(step, resize(2))).toThrow('must come before a resize with precision "float"')
  })
})
