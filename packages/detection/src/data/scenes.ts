import { foldKey, type Key, keyFromSeed, type RandomStream, randomStream, VitrineError } from "@vitrine/core"
import { type Image, shapeNames, type Size } from "@vitrine/data"
import { outlines } from "@vitrine/data/internal"
import type { DetectionDataset, ScenesSource } from "./dataset.ts"
import type { Objects } from "./objects.ts"

/** What is in a scene: four of the built-in shapes. */
export const sceneClasses: readonly string[] = ["circle", "cross", "square", "triangle"]

/**
 * Procedural scenes with boxes: one to six shapes of random sizes, places, angles (up to 17°) and colours on a background of
 * waves and noise; they may touch, but hardly cover each other. An image depends on seed, split and index alone, so the data
 * are endless, need no files, and the splits never meet. A box is exact: the outermost pixels that its shape covers by half.
 * @throws VitrineError unless `size` is a positive integer and images have 32 to 2048 pixels each way
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
    objects: (index) => objectsOf(arranged(foldKey(key, index), imageSize), imageSize),
    read: async (index) => drawn(arranged(foldKey(key, index), imageSize), foldKey(key, index, "noise"), imageSize),
  }
}

type Colour = readonly [number, number, number]

interface Shape {
  readonly label: number
  readonly x: number
  readonly y: number
  readonly radius: number
  readonly turn: number
  readonly colour: Colour
}

interface Scene {
  readonly back: Colour
  readonly second: Colour
  /** Of the background's waves: radians a pixel, and an angle. */
  readonly frequency: number
  readonly angle: number
  readonly grain: number
  readonly shapes: readonly Shape[]
}

function arranged(key: Key, [height, width]: Size): Scene {
  const random = randomStream(key)
  const between = (low: number, high: number): number => low + (high - low) * random.uniform()
  const side = Math.min(height, width)
  const back = colour(random, 20, 235)
  const second = back.map((value) => value + between(-25, 25)) as unknown as Colour
  const [frequency, angle, grain] = [between(0.1, 1.1), between(0, 2 * Math.PI), between(4, 16)]
  const shapes: Shape[] = []
  const count = 1 + random.integer(6)
  for (let attempt = 0; attempt < 100 && shapes.length < count; attempt++) {
    const radius = side * between(0.08, 0.22)
    const x = between(radius, width - radius)
    const y = between(radius, height - radius)
    const label = random.integer(sceneClasses.length)
    const turn = between(-0.3, 0.3)
    let front = colour(random, 0, 255)
    while (contrast(front, back) < 80) front = colour(random, 0, 255)
    const free = shapes.every((other) => Math.hypot(x - other.x, y - other.y) > 0.8 * (radius + other.radius))
    if (free) shapes.push({ label, x, y, radius, turn, colour: front })
  }
  return { back, second, frequency, angle, grain, shapes }
}

const colour = ({ uniform }: RandomStream, low: number, high: number): Colour => {
  const value = (): number => low + (high - low) * uniform()
  return [value(), value(), value()]
}

const contrast = (a: Colour, b: Colour): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

/** Calls `visit` for each pixel that a shape covers, with how much of it, in (0, 1]. */
function covered(
  { label, x, y, radius, turn }: Shape,
  [height, width]: Size,
  visit: (column: number, row: number, cover: number) => void,
): void {
  const distance = outlines[shapeNames.indexOf(sceneClasses[label] as string)] as (u: number, v: number) => number
  const [cos, sin] = [Math.cos(turn) / radius, Math.sin(turn) / radius]
  // Nothing of a shape lies farther out than this.
  const reach = 1.3 * radius + 1
  for (let row = Math.max(0, Math.floor(y - reach)); row < Math.min(height, y + reach); row++)
    for (let column = Math.max(0, Math.floor(x - reach)); column < Math.min(width, x + reach); column++) {
      const [dx, dy] = [column + 0.5 - x, row + 0.5 - y]
      const cover = 0.5 - distance(cos * dx + sin * dy, cos * dy - sin * dx) * radius
      if (cover > 0) visit(column, row, Math.min(1, cover))
    }
}

function objectsOf({ shapes }: Scene, size: Size): Objects {
  const boxes = shapes.map((shape) => {
    const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity]
    covered(shape, size, (column, row, cover) => {
      if (cover < 0.5) return
      box[0] = Math.min(box[0], column)
      box[1] = Math.min(box[1], row)
      box[2] = Math.max(box[2], column + 1)
      box[3] = Math.max(box[3], row + 1)
    })
    return box
  })
  return {
    boxes: Float64Array.from(boxes.flat()),
    labels: Int32Array.from(shapes, ({ label }) => label),
    areas: Float64Array.from(boxes, ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0)),
    crowd: new Uint8Array(shapes.length),
  }
}

function drawn({ back, second, frequency, angle, grain, shapes }: Scene, key: Key, size: Size): Image {
  const [height, width] = size
  const { uniform } = randomStream(key)
  const pixels = new Float32Array(height * width * 3)
  const [wx, wy] = [Math.cos(angle) * frequency, Math.sin(angle) * frequency]
  for (let row = 0, o = 0; row < height; row++)
    for (let column = 0; column < width; column++, o += 3) {
      const t = 0.5 + 0.5 * Math.sin(wx * column + wy * row + angle)
      for (let c = 0; c < 3; c++)
        pixels[o + c] = (back[c] as number) + t * ((second[c] as number) - (back[c] as number))
    }
  for (const shape of shapes)
    covered(shape, size, (column, row, cover) => {
      const o = (row * width + column) * 3
      for (let c = 0; c < 3; c++) {
        const under = pixels[o + c] as number
        pixels[o + c] = under + cover * ((shape.colour[c] as number) - under)
      }
    })
  const data = new Uint8Array(pixels.length)
  const bytes = new Uint8ClampedArray(data.buffer)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (pixels[i] as number) + (uniform() - 0.5) * 2 * grain
  return { width, height, channels: 3, data }
}
