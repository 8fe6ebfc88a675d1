import { decode } from "fast-png"
import { XMLParser, XMLValidator } from "fast-xml-parser"
import type { Image } from "@vitrine/data"
import { describe, expect, test } from "vitest"
import {
  attentionFigure,
  type ComparedRun,
  comparisonFigure,
  confusionFigure,
  confusionMatrix,
  curveFigure,
  detectionFigure,
  headsFigure,
  learningCurve,
  positionsFigure,
} from "../src/index.ts"
import { toPng } from "../src/node/png.ts"
import { sampleFigures, values } from "./samples.ts"

const models = {
  "a square grid with a class token": { rows: 4, columns: 4, prefix: 1, channels: 3, name: "cat", theme: "light" },
  "a wide grid without one, in grey and dark": {
    rows: 2,
    columns: 5,
    prefix: 0,
    channels: 1,
    name: "ß · 犬",
    theme: "dark",
  },
  "a single row after four registers": {
    rows: 1,
    columns: 3,
    prefix: 5,
    channels: 3,
    name: "a".repeat(200),
    theme: "light",
  },
  "names that are hostile": {
    rows: 3,
    columns: 2,
    prefix: 1,
    channels: 3,
    name: `<script>&"'\u0000\ud800]]>`,
    theme: "light",
  },
} as const

interface Element {
  readonly [name: string]: unknown
}

/** All elements of a name, wherever they are. */
function all(node: unknown, name: string): Element[] {
  if (Array.isArray(node)) return node.flatMap((each) => all(each, name))
  if (typeof node !== "object" || node === null) return []
  return Object.entries(node).flatMap(([key, value]) => [
    ...(key === name ? ([value].flat() as Element[]) : []),
    ...all(value, name),
  ])
}

const parsed = (svg: string): unknown => new XMLParser({ ignoreAttributes: false, attributeNamePrefix: "" }).parse(svg)

const square = sampleFigures(models["a square grid with a class token"])
const wide = sampleFigures(models["a wide grid without one, in grey and dark"])
const samples = {
  "a square grid with a class token": square,
  "a wide grid without one, in grey and dark": wide,
  "a single row after four registers": sampleFigures(models["a single row after four registers"]),
  "names that are hostile": sampleFigures(models["names that are hostile"]),
}

describe.each(Object.entries(samples))("%s", (_, figures) => {
  for (const [name, svg] of Object.entries(figures))
    test(`${name} is a picture`, () => {
      expect(XMLValidator.validate(svg)).toBe(true)
      expect(/NaN|Infinity|undefined|<script/.exec(svg.replaceAll(/base64,[^"]*/g, ""))).toBeNull()
      const document = parsed(svg)
      const [root] = all(document, "svg") as [{ width: string; height: string; viewBox: string }]
      expect(root.viewBox).toBe(`0 0 ${root.width} ${root.height}`)
      for (const { href, width, height } of all(document, "image") as Record<string, string>[]) {
        const image = decode(Buffer.from((href ?? "").replace(/^data:image\/png;base64,/, ""), "base64"))
        // What is stretched is stretched evenly, but for colour bars.
        const ratio = image.width / image.height / (Number(width) / Number(height))
        expect(Math.abs(Math.log(ratio))).toBeLessThan(0.05)
      }
    })
})

// The SVG of the others differs in numbers and texts alone, and rasterising takes most of the time.
test.each(Object.entries(wide))("%s becomes a PNG of twice its size, with a title", async (_, svg) => {
  const [root] = all(parsed(svg), "svg") as [{ width: string; height: string }]
  const png = decode(await toPng(svg))
  expect([png.width, png.height]).toEqual([2 * Number(root.width), 2 * Number(root.height)])
  expect(inked(png, 56, 44, 600, 40), "the title").toBeGreaterThan(30)
})

/** How many pixels of a rectangle differ from the picture's first. */
function inked(
  { width, channels, data }: { width: number; channels: number; data: ArrayLike<number> },
  left: number,
  top: number,
  across: number,
  down: number,
): number {
  let count = 0
  for (let y = top; y < top + down; y++)
    for (let x = left; x < Math.min(left + across, width); x++)
      if (Math.abs((data[(y * width + x) * channels] as number) - (data[0] as number)) > 60) count++
  return count
}

test("maps of objects have their boxes around them, and those of lines stand one above the other", () => {
  const picture = (width: number): Image => ({ width, height: 20, channels: 1, data: new Uint8Array(20 * width) })
  const map = { grid: { rows: 1, columns: 4 }, values: Float32Array.of(0, 1, 0, 0) }
  const maps = [
    { map, caption: "cat", object: { box: [5, -10, 20, 10], class: 0 } },
    { map, caption: "the end" },
  ] as const
  const [wide, square] = [80, 20].map((width) => {
    const document = parsed(attentionFigure({ image: picture(width) }, maps, { from: "each query" }))
    const shown = (name: string): Record<string, string>[] =>
      (all(document, name) as Record<string, string>[]).filter(({ fill }) => name === "image" || fill === "none")
    return { images: shown("image"), frames: shown("rect") }
  }) as [Record<"images" | "frames", Record<string, string>[]>, Record<"images" | "frames", Record<string, string>[]>]
  expect(wide.images.slice(0, 3).map(({ x }) => x)).toEqual(["0", "0", "0"])
  expect(new Set(square.images.slice(0, 3).map(({ x }) => x)).size).toBeGreaterThan(1)
  // Twice each, for the pale line around: on the image itself, and on the object's own map.
  expect(wide.frames).toHaveLength(4)
  expect(wide.frames[0]).toMatchObject({ x: "30", y: "0", width: "90", height: "60" })
})

describe("boxes", () => {
  const image = { width: 60, height: 40, channels: 3 as const, data: new Uint8Array(60 * 40 * 3).fill(255) }
  const boxes = [
    { box: [10, 5, 30, 25], label: "cat", class: 0, score: 0.987 },
    { box: [11, 6, 30, 25], label: `<script>&"'\u0000`, class: 12 },
  ] as const

  test("are drawn around their objects in the image's scale, with labels that hide no other", async () => {
    const svg = detectionFigure(image, boxes)
    expect(XMLValidator.validate(svg)).toBe(true)
    expect(svg).not.toContain("<script")
    const document = parsed(svg)
    const [root] = all(document, "svg") as [{ width: string; height: string }]
    expect([root.width, root.height]).toEqual(["660", "440"])
    const [, frame] = all(document, "rect") as [unknown, Record<string, string>]
    expect([frame.x, frame.y, frame.width, frame.height]).toEqual(["110", "55", "220", "220"])
    expect(svg).toContain("cat 0.99")
    const tags = (all(document, "rect") as Record<string, string>[]).filter(({ fill }) => fill !== "none")
    const [first, second] = tags.map(({ x, y, width, height }) => [x, y, width, height].map(Number)) as [
      number[],
      number[],
    ]
    const apart = (axis: 0 | 1): boolean =>
      (first[axis] as number) + (first[axis + 2] as number) <= (second[axis] as number) ||
      (second[axis] as number) + (second[axis + 2] as number) <= (first[axis] as number)
    expect(apart(0) || apart(1)).toBe(true)
    const png = decode(await toPng(svg, { scale: 1 }))
    expect([png.width, png.height]).toEqual([660, 440])
    const pixel = (x: number, y: number): number[] =>
      [...png.data.subarray((y * 660 + x) * png.channels).subarray(0, 3)] as number[]
    expect(pixel(110, 200)).not.toEqual([255, 255, 255])
    expect(pixel(550, 300)).toEqual([255, 255, 255])
  })

  test("none are an image as it is", () => {
    expect(all(parsed(detectionFigure(image, [])), "rect")).toHaveLength(0)
  })
})

describe("a comparison", () => {
  const run = (name: string, family: string, data: string, ...points: readonly (readonly [number, number])[]) =>
    ({ name, family, data, evaluations: points.map(([flops, top1]) => ({ flops, top1 })) }) satisfies ComparedRun
  const circles = (svg: string): Record<string, string>[] => all(parsed(svg), "circle") as Record<string, string>[]

  test("puts equal factors of compute at equal distances, and more accuracy higher", () => {
    const svg = comparisonFigure([run("a", "ViT", "mnist", [1e12, 0.5], [1e13, 0.6], [1e14, 0.9])])
    const at = circles(svg).map(({ cx, cy }) => [Number(cx), Number(cy)] as const)
    const [first = [0, 0], second = [0, 0], third = [0, 0]] = at
    expect(second[0] - first[0]).toBeGreaterThan(100)
    expect(third[0] - second[0]).toBeCloseTo(second[0] - first[0], 0)
    expect(second[1]).toBeLessThan(first[1])
    expect((first[1] - second[1]) / (first[1] - third[1])).toBeCloseTo(0.25, 2)
    expect(svg).toContain(">10T<")
  })

  test("has a panel for each data set, a colour for each family, and all points within the frames", () => {
    const runs = ["x", "y", "z"].flatMap((data) =>
      ["ViT", "hybrid", "BiT"].map((family, i) =>
        run(`${data}-${family}`, family, data, [10 ** (9 + i), i / 7], [10 ** (12 + i), 1 - i / 9]),
      ),
    )
    const svg = comparisonFigure(runs)
    expect(new Set(circles(svg).map(({ fill }) => fill)).size).toBe(3)
    for (const { cx, cy } of circles(svg)) {
      expect(Number(cx)).toBeGreaterThanOrEqual(0)
      expect(Number(cx)).toBeLessThanOrEqual(370)
      expect(Number(cy)).toBeGreaterThanOrEqual(0)
      expect(Number(cy)).toBeLessThanOrEqual(260)
    }
    for (const text of ["x", "y", "z", "ViT", "hybrid", "BiT"]) expect(svg).toContain(`>${text}</text>`)
    expect(svg).toContain("<title>y-hybrid</title>")
  })

  test("of one family tells runs apart by colour, even a single evaluation", () => {
    const svg = comparisonFigure([run("fast", "ViT", "x", [5e9, 0.4]), run("slow", "ViT", "x", [5e9, 0.4])])
    expect(XMLValidator.validate(svg)).toBe(true)
    expect(/NaN|Infinity/.exec(svg)).toBeNull()
    expect(new Set(circles(svg).map(({ fill }) => fill)).size).toBe(2)
    expect(svg).toContain(">slow</text>")
  })

  test("needs something to compare, at some cost", () => {
    expect(() => comparisonFigure([run("a", "ViT", "x")])).toThrow("no run has an evaluation yet")
    expect(() => comparisonFigure([run("a", "ViT", "x", [0, 0.5])])).toThrow("operations above 0")
  })
})

test("a single evaluation stands on an axis from 0 to 100 %", () => {
  const metrics = [1, 2].map((step) => ({ type: "step", step, loss: 1 / step, learningRate: 0.1 }))
  const svg = curveFigure(learningCurve([...metrics, { type: "evaluation", step: 2, top1: 0.42 }]))
  expect(svg).toContain(">100%<")
  expect(svg).toContain(">0%<")
  expect(svg).not.toContain("−20%")
})

test("the same figure gives the same bytes, and a scale its pixels", async () => {
  const { curve = "" } = square
  const half = await toPng(curve, { scale: 0.5 })
  expect(await toPng(curve, { scale: 0.5 })).toEqual(half)
  expect(decode(await toPng(curve, { scale: 1 })).width).toBe(2 * decode(half).width)
})

test("a large grid of positions leaves maps out, and five hundred classes their names", () => {
  const side = 20
  const cosines = values([side * side, side * side]).data as Float32Array
  const maps = all(parsed(positionsFigure({ grid: { rows: side, columns: side }, values: cosines })), "image")
  expect(maps).toHaveLength(10 * 10 + 1)
  const counts = Array.from({ length: 500 }, (_, i) => Array.from({ length: 500 }, (_, k) => (i === k ? 5 : 0)))
  const labels = counts.map((_, i) => `class ${i}`)
  const svg = confusionFigure(confusionMatrix(counts, labels))
  expect(svg.length).toBeLessThan(200_000)
  expect(svg).not.toContain("class 7")
  const many = Array.from({ length: 513 }, () => [])
  expect(() => confusionMatrix(many, many.map(String))).toThrow("513 classes are too many for a picture")
})

test("what cannot be drawn is an error of one line", async () => {
  await expect(toPng("<p>")).rejects.toThrow("this is no SVG of a figure")
  const { curve = "" } = square
  await expect(toPng(curve, { scale: 1000 })).rejects.toThrow(/pixels cannot be made \(at most 16384 a side\)/)
  const image = { width: 1, height: 1, channels: 1 as const, data: new Uint8Array(1) }
  expect(() => headsFigure({ image }, [], { from: "x" })).toThrow("no attention maps")
  expect(XMLValidator.validate(curveFigure(learningCurve([])))).toBe(true)
})
