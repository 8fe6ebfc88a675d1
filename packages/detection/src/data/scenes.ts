import { foldKey, type Key, keyFromSeed, type RandomStream, randomStream, VitrineError } from "@vitrine/core"
import { type Image, shapeNames, type Size } from "@vitrine/data"
import { outlines } from "@vitrine/data/internal"
import { type Box, boxArea } from "../boxes/boxes.ts"
import type { DetectionDataset, ScenesSource } from "./dataset.ts"
import { type Objects, packObjects } from "./objects.ts"

/** The classes of the scenes: four of the built-in shapes. */
export const sceneClasses: readonly string[] = ["circle", "cross", "square", "triangle"]

/**
 * Random scenes with boxes: one to six shapes on a background of waves and noise. Sizes, places, angles (up to 17°) and
 * colours are random. Shapes may touch, but they hardly overlap. An image depends only on seed, split and index, so the
 * data need no files, and no two splits share an image. A box ends at the outermost pixels of which its shape covers at
 * least half.
 * @throws VitrineError (config) unless `size` is a positive integer and both sides of images are 32 to 2048 pixels
 */
export function scenes({ split, size, seed = 0, imageSize = [64, 64] }: Omit<ScenesSource, "kind">): DetectionDataset {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new VitrineError("config", `scenes: size must be a positive integer, got ${size}`)
  if (!imageSize.every((side) => Number.isInteger(side) && side >= 32 && side <= 2048))
    throw new VitrineError("config", `scenes: imageSize must be two integers of 32 … 2048, got ${imageSize.join("×")}`)
  const key = foldKey(keyFromSeed(seed), "scenes", split)
  return {
    name: `scenes ${split}`,
    classes: sceneClasses,
    length: size,
    source: { kind: "scenes", split, size, seed, imageSize },
    describe: (index) => `scenes ${split}, image ${index}`,
    objects: (index) => objectsOf(randomScene(foldKey(key, index), imageSize), imageSize),
    read: async (index) =>
      drawScene(randomScene(foldKey(key, index), imageSize), foldKey(key, index, "noise"), imageSize),
  }
}

type Color = readonly [red: number, green: number, blue: number]

interface Shape {
  readonly label: number
  readonly x: number
  readonly y: number
  readonly radius: number
  readonly turn: number
  readonly color: Color
}

interface Scene {
  /** The two colours of the background's waves. */
  readonly colors: readonly [Color, Color]
  /** The frequency of the waves, in radians for each pixel, and their angle. */
  readonly frequency: number
  readonly angle: number
  /** The strength of the noise. */
  readonly grain: number
  readonly shapes: readonly Shape[]
}

function randomScene(key: Key, [height, width]: Size): Scene {
  const random = randomStream(key)
  const uniform = (low: number, high: number): number => low + (high - low) * random.uniform()
  const side = Math.min(height, width)
  const [red, green, blue] = randomColor(random, 20, 235)
  const back: Color = [red, green, blue]
  const second: Color = [red + uniform(-25, 25), green + uniform(-25, 25), blue + uniform(-25, 25)]
  const [frequency, angle, grain] = [uniform(0.1, 1.1), uniform(0, 2 * Math.PI), uniform(4, 16)]
  const shapes: Shape[] = []
  const count = 1 + random.integer(6)
  for (let attempt = 0; attempt < 100 && shapes.length < count; attempt++) {
    const radius = side * uniform(0.08, 0.22)
    const x = uniform(radius, width - radius)
    const y = uniform(radius, height - radius)
    const label = random.integer(sceneClasses.length)
    const turn = uniform(-0.3, 0.3)
    let color = randomColor(random, 0, 255)
    while (contrast(color, back) < 80) color = randomColor(random, 0, 255)
    const free = shapes.every((other) => Math.hypot(x - other.x, y - other.y) > 0.8 * (radius + other.radius))
    if (free) shapes.push({ label, x, y, radius, turn, color })
  }
  return { colors: [back, second], frequency, angle, grain, shapes }
}

function randomColor({ uniform }: RandomStream, low: number, high: number): Color {
  const value = (): number => low + (high - low) * uniform()
  return [value(), value(), value()]
}

const contrast = (a: Color, b: Color): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

/** The signed distance from the outline of each class, for a shape of radius 1. */
const classOutlines = sceneClasses.map((name) => {
  const outline = outlines[shapeNames.indexOf(name)]
  if (outline === undefined) throw new VitrineError("config", `scenes: there is no shape ${name}`)
  return outline
})

/** Calls `visit` for each pixel that a shape covers, with the share of the pixel that it covers, in (0, 1]. */
function forCovered(
  { label, x, y, radius, turn }: Shape,
  [height, width]: Size,
  visit: (column: number, row: number, cover: number) => void,
): void {
  const distance = classOutlines[label]
  if (distance === undefined) throw new VitrineError("config", `scenes: there is no class ${label}`)
  const [cos, sin] = [Math.cos(turn) / radius, Math.sin(turn) / radius]
  // The largest distance from a shape's centre to its outline, and one pixel.
  const reach = 1.3 * radius + 1
  for (let row = Math.max(0, Math.floor(y - reach)); row < Math.min(height, y + reach); row++)
    for (let column = Math.max(0, Math.floor(x - reach)); column < Math.min(width, x + reach); column++) {
      const [dx, dy] = [column + 0.5 - x, row + 0.5 - y]
      const cover = 0.5 - distance(cos * dx + sin * dy, cos * dy - sin * dx) * radius
      if (cover > 0) visit(column, row, Math.min(1, cover))
    }
}

function objectsOf({ shapes }: Scene, size: Size): Objects {
  return packObjects(
    shapes.map((shape) => {
      let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity]
      forCovered(shape, size, (column, row, cover) => {
        if (cover < 0.5) return
        ;[x0, y0] = [Math.min(x0, column), Math.min(y0, row)]
        ;[x1, y1] = [Math.max(x1, column + 1), Math.max(y1, row + 1)]
      })
      const box: Box = [x0, y0, x1, y1]
      return { box, label: shape.label, area: boxArea(box), crowd: false }
    }),
  )
}

function drawScene({ colors, frequency, angle, grain, shapes }: Scene, key: Key, size: Size): Image {
  const [height, width] = size
  const { uniform } = randomStream(key)
  const pixels = new Float32Array(height * width * 3)
  const [wx, wy] = [Math.cos(angle) * frequency, Math.sin(angle) * frequency]
  const [[red, green, blue], [red2, green2, blue2]] = colors
  for (let row = 0, at = 0; row < height; row++)
    for (let column = 0; column < width; column++, at += 3) {
      const t = 0.5 + 0.5 * Math.sin(wx * column + wy * row + angle)
      pixels[at] = red + t * (red2 - red)
      pixels[at + 1] = green + t * (green2 - green)
      pixels[at + 2] = blue + t * (blue2 - blue)
    }
  const paint = (at: number, value: number, cover: number): void => {
    const under = pixels[at] ?? 0
    pixels[at] = under + cover * (value - under)
  }
  for (const shape of shapes)
    forCovered(shape, size, (column, row, cover) => {
      const at = (row * width + column) * 3
      paint(at, shape.color[0], cover)
      paint(at + 1, shape.color[1], cover)
      paint(at + 2, shape.color[2], cover)
    })
  const data = new Uint8Array(pixels.length)
  const bytes = new Uint8ClampedArray(data.buffer)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (pixels[i] ?? 0) + (uniform() - 0.5) * 2 * grain
  return { width, height, channels: 3, data }
}
