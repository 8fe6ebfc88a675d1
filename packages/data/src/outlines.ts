/** The names of the ten shapes. The index is the class. */
export const shapeNames: readonly string[] = [
  "arrow",
  "circle",
  "crescent",
  "cross",
  "half disc",
  "heart",
  "ring",
  "square",
  "star",
  "triangle",
]

const disc = (u: number, v: number, r: number): number => Math.sqrt(u * u + v * v) - r
const box = (u: number, v: number, w: number, h: number): number => Math.max(Math.abs(u) - w, Math.abs(v) - h)

/** The distance to the intersection of half-planes, each with its unit normal and its distance from the centre. */
const polygon =
  (planes: readonly (readonly [number, number, number])[]) =>
  (u: number, v: number): number => {
    let d = -9
    for (const [nx, ny, at] of planes) d = Math.max(d, nx * u + ny * v - at)
    return d
  }
const directions = (n: number, start: number, at: number): [number, number, number][] =>
  Array.from({ length: n }, (_, i) => {
    const angle = start + (2 * Math.PI * i) / n
    return [Math.cos(angle), Math.sin(angle), at]
  })

const triangle = polygon(directions(3, Math.PI / 2, 0.5))
const starPlanes = directions(5, Math.PI / 2, 0.31)
const head = polygon([
  [1, 0, 0.35],
  [-Math.SQRT1_2, Math.SQRT1_2, 0.45],
  [-Math.SQRT1_2, -Math.SQRT1_2, 0.45],
])

/** For each class the signed distance from a point to the outline, in units of the radius. It is negative inside. */
export const outlines: readonly ((u: number, v: number) => number)[] = [
  // arrow: a head and a shaft.
  (u, v) => Math.min(head(u, v), box(u - 0.55, v, 0.45, 0.2)),
  (u, v) => disc(u, v, 0.86),
  // crescent: a disc minus another disc.
  (u, v) => Math.max(disc(u, v, 0.95), -disc(u - 0.5, v, 0.75)),
  // cross: two bars.
  (u, v) => Math.min(box(u, v, 0.95, 0.27), box(u, v, 0.27, 0.95)),
  (u, v) => Math.max(disc(u, v + 0.4, 1), -(v + 0.4)),
  // heart: a square on its corner, with a disc on each of its upper sides.
  (u, v) =>
    Math.min((Math.abs(u) + Math.abs(v - 0.15) - 0.66) * Math.SQRT1_2, disc(Math.abs(u) - 0.33, v + 0.18, 0.467)),
  // ring: the points near a circle.
  (u, v) => Math.abs(disc(u, v, 0.72)) - 0.2,
  (u, v) => box(u, v, 0.72, 0.72),
  // star: the points inside at least four of five lines.
  (u, v) => {
    let first = -9
    let next = -9
    for (const [nx, ny, at] of starPlanes) {
      const d = nx * u + ny * v - at
      if (d > first) {
        next = first
        first = d
      } else if (d > next) next = d
    }
    return next
  },
  (u, v) => triangle(u, v),
]
