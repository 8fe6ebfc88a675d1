import { foldKey, type Key, keyFromSeed, threefry, VitrineError } from "@vitrine/core"
import type { Dataset, ShapesSource } from "./dataset.ts"
import type { Image } from "./image.ts"
import { outlines, shapeNames } from "./outlines.ts"

const side = 32

/**
 * Random drawings, [32, 32, 3]: one of ten shapes, light on a dark texture, at a random place, size and angle (up to
 * 17°), in random colours, with noise. The hue does not depend on the class. An example depends only on seed, split and
 * index. So there are as many data as one likes, they need no files, and the training and the validation set share no
 * image.
 *
 * Logistic regression on the pixels of 10,000 drawings is right for 39 % of others. A ViT of four blocks of width 64 on
 * patches of 4×4 is right for 98 % after 1,000 steps of 64 drawings, and for 99 % after 2,000.
 * @throws VitrineError unless `size` is a positive integer
 */
export function shapes({ split, size, seed = 0 }: Omit<ShapesSource, "kind">): Dataset {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new VitrineError("config", `shapes: size must be a positive integer, got ${size}`)
  const key = foldKey(keyFromSeed(seed), "shapes", split)
  const labelOf = (index: number): number => threefry(key, 0, index)[0] % shapeNames.length
  return {
    name: "shapes",
    classes: shapeNames,
    length: size,
    channels: 3,
    labels: Int32Array.from({ length: size }, (_, index) => labelOf(index)),
    source: { kind: "shapes", split, size, seed },
    describe: (index) => `shapes ${split}, image ${index}`,
    read: async (index) => drawShape(labelOf(index), threefry(key, 1, index)),
  }
}

/** Draws one shape, [32, 32, 3]. `key` determines everything except the class. */
export function drawShape(label: number, key: Key): Image {
  const inside = outlines[label]
  if (inside === undefined)
    throw new VitrineError("config", `shapes have classes 0 … ${outlines.length - 1}, got ${label}`)
  const random = bits(key)
  const within = (low: number, high: number): number => low + ((high - low) * (random() >>> 0)) / 2 ** 32

  const radius = within(8, 11)
  const cx = within(radius, side - radius)
  const cy = within(radius, side - radius)
  const turn = within(-0.3, 0.3)
  const cos = Math.cos(turn) / radius
  const sin = Math.sin(turn) / radius
  const lean = within(-0.1, 0.1)

  const back = colour(within, 10, 120)
  let front = colour(within, 110, 250)
  while (contrast(front, back) < 70) front = colour(within, 110, 250)
  const second = nearby(back, within, 25)
  const shade = nearby(front, within, 30)

  // The background varies between two similar colours in waves: a gradient, stripes, or crossing stripes.
  const angle = within(0, 2 * Math.PI)
  const frequency = within(0.1, 1.1)
  const along = waves(Math.cos(angle) * frequency, Math.sin(angle) * frequency, within(0, 2 * Math.PI))
  const across = random() & 1 ? waves(-Math.sin(angle) * frequency, Math.cos(angle) * frequency, 0) : undefined

  const scale = within(2, 8) / 128
  // The square of the largest distance from the centre to a point of a shape.
  const reach = (1.3 * radius + 1) ** 2

  const data = new Uint8Array(side * side * 3)
  const bytes = new Uint8ClampedArray(data.buffer)
  for (let y = 0, o = 0; y < side; y++) {
    const dy = y + 0.5 - cy
    for (let x = 0; x < side; x++, o += 3) {
      const dx = x + 0.5 - cx
      const wave = along(x, y) * (across === undefined ? 1 : across(x, y))
      const t = 0.5 + 0.5 * wave
      let r = back[0] + t * (second[0] - back[0])
      let g = back[1] + t * (second[1] - back[1])
      let b = back[2] + t * (second[2] - back[2])
      if (dx * dx + dy * dy < reach) {
        // The shape's coordinates. Its radius is 1, and the distance is negative inside.
        const u = cos * dx + sin * dy
        const v = cos * dy - sin * dx + lean * u
        const cover = 0.5 - inside(u, v) * radius
        if (cover > 0) {
          const a = cover < 1 ? cover : 1
          const light = 0.5 + 0.5 * v
          r += a * (front[0] + light * (shade[0] - front[0]) - r)
          g += a * (front[1] + light * (shade[1] - front[1]) - g)
          b += a * (front[2] + light * (shade[2] - front[2]) - b)
        }
      }
      // Four bytes of a word give three nearly normal numbers.
      const word = random()
      const n1 = (word >>> 8) & 255
      const n2 = (word >>> 16) & 255
      bytes[o] = r + ((word & 255) + n1 - 255) * scale
      bytes[o + 1] = g + (n1 + n2 - 255) * scale
      bytes[o + 2] = b + (n2 + (word >>> 24) - 255) * scale
    }
  }
  return { width: side, height: side, channels: 3, data }
}

type Colour = readonly [number, number, number]

type Within = (low: number, high: number) => number

const colour = (within: Within, low: number, high: number): Colour => [
  within(low, high),
  within(low, high),
  within(low, high),
]

const nearby = (c: Colour, within: Within, reach: number): Colour => [
  c[0] + within(-reach, reach),
  c[1] + within(-reach, reach),
  c[2] + within(-reach, reach),
]

const contrast = (a: Colour, b: Colour): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

/** sin(wx x + wy y + phase), with coordinates from the centre. It uses tables for x and for y. */
function waves(wx: number, wy: number, phase: number): (x: number, y: number) => number {
  const columns = Float64Array.from({ length: 2 * side }, (_, i) => {
    const at = wx * ((i >> 1) - side / 2)
    return i & 1 ? Math.cos(at) : Math.sin(at)
  })
  const rows = Float64Array.from({ length: 2 * side }, (_, i) => {
    const at = wy * ((i >> 1) - side / 2) + phase
    return i & 1 ? Math.cos(at) : Math.sin(at)
  })
  return (x, y) =>
    (columns[2 * x] as number) * (rows[2 * y + 1] as number) + (columns[2 * x + 1] as number) * (rows[2 * y] as number)
}

/**
 * Fast 32-bit numbers for the noise of pixels: xorshift128 (Marsaglia, 2003), seeded by the counter-based generator.
 */
function bits(key: Key): () => number {
  const [first, second] = threefry(key, 0, 0)
  const [third, fourth] = threefry(key, 0, 1)
  // Engines treat signed words as small integers, but not unsigned ones.
  let [a, b, c, d] = [first | 0, second | 0, third | 0, fourth | 0]
  return () => {
    let t = a ^ (a << 11)
    t ^= t >>> 8
    a = b
    b = c
    c = d
    d = d ^ (d >>> 19) ^ t
    return d
  }
}
