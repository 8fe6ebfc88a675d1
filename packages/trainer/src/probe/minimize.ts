import { addScaled, dot } from "./vectors.ts"

interface Point {
  readonly value: number
  readonly gradient: Float64Array
}

const memory = 10
const steps = 500

const product = (a: Float64Array, b: Float64Array): number => dot(a, 0, b, 0, a.length)

/** a + factor · b */
function moved(a: Float64Array, factor: number, b: Float64Array): Float64Array {
  const sum = a.slice()
  addScaled(sum, 0, factor, b, 0, b.length)
  return sum
}

/** A step s and the change y of the gradient along it, with ρ = 1 / (y · s). */
interface Pair {
  readonly s: Float64Array
  readonly y: Float64Array
  readonly rho: number
}

/**
 * Minimises a smooth convex function from `start` by L-BFGS (Nocedal and Wright, "Numerical Optimization", algorithm
 * 7.5) with backtracking. It stops if no component of the gradient exceeds `tolerance`, or if no step decreases the
 * function.
 */
export function minimize(f: (at: Float64Array) => Point, start: Float64Array, tolerance = 1e-9): Float64Array {
  let at: Float64Array = start
  let point = f(at)
  const pairs: Pair[] = []
  for (let step = 0; step < steps && point.gradient.some((g) => Math.abs(g) > tolerance); step++) {
    const direction = newton(pairs, point.gradient)
    const slope = product(direction, point.gradient)
    let length = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(-slope)) : 1
    let next = moved(at, length, direction)
    let candidate = f(next)
    while (!(candidate.value <= point.value + 1e-4 * length * slope) && length > 1e-12) {
      length /= 2
      next = moved(at, length, direction)
      candidate = f(next)
    }
    if (!(candidate.value < point.value)) return at
    const s = moved(next, -1, at)
    const y = moved(candidate.gradient, -1, point.gradient)
    const curvature = product(s, y)
    if (curvature > 0) pairs.push({ s, y, rho: 1 / curvature })
    if (pairs.length > memory) pairs.shift()
    at = next
    point = candidate
  }
  return at
}

/** −H · gradient, where `pairs` define the approximate inverse Hessian H. */
function newton(pairs: readonly Pair[], gradient: Float64Array): Float64Array {
  let q: Float64Array = gradient
  const steps = pairs.toReversed().map(({ s, y, rho }) => {
    const alpha = rho * product(s, q)
    q = moved(q, -alpha, y)
    return { s, y, rho, alpha }
  })
  const last = pairs.at(-1)
  const scale = last === undefined ? 1 : 1 / (last.rho * product(last.y, last.y))
  let r: Float64Array = q.map((x) => scale * x)
  for (const { s, y, rho, alpha } of steps.toReversed()) r = moved(r, alpha - rho * product(y, r), s)
  return r.map((x) => -x)
}
