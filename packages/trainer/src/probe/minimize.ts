interface Point {
  readonly value: number
  readonly gradient: Float64Array
}

const memory = 10
const steps = 500

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0)
/** a + factor · b */
const moved = (a: Float64Array, factor: number, b: Float64Array): Float64Array =>
  a.map((x, i) => x + factor * (b[i] as number))

/**
 * Minimises a smooth convex function from `start` by L-BFGS (Nocedal and Wright, "Numerical Optimization", algorithm 7.5)
 * with backtracking, until no part of the gradient is larger than `tolerance` or no step helps.
 */
export function minimize(f: (at: Float64Array) => Point, start: Float64Array, tolerance = 1e-9): Float64Array {
  let at: Float64Array = start
  let point = f(at)
  const pairs: { s: Float64Array; y: Float64Array; rho: number }[] = []
  for (let step = 0; step < steps && point.gradient.some((g) => Math.abs(g) > tolerance); step++) {
    const direction = newton(pairs, point.gradient)
    const slope = dot(direction, point.gradient)
    let length = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(-slope)) : 1
    let next = moved(at, length, direction)
    let found = f(next)
    while (!(found.value <= point.value + 1e-4 * length * slope) && length > 1e-12) {
      length /= 2
      next = moved(at, length, direction)
      found = f(next)
    }
    if (!(found.value < point.value)) return at
    const s = moved(next, -1, at)
    const y = moved(found.gradient, -1, point.gradient)
    const curvature = dot(s, y)
    if (curvature > 0) pairs.push({ s, y, rho: 1 / curvature })
    if (pairs.length > memory) pairs.shift()
    at = next
    point = found
  }
  return at
}

/** −H · gradient, with the inverse Hessian H that the pairs tell. */
function newton(
  pairs: readonly { s: Float64Array; y: Float64Array; rho: number }[],
  gradient: Float64Array,
): Float64Array {
  let q: Float64Array = gradient
  const alphas: number[] = []
  for (const { s, y, rho } of pairs.toReversed()) {
    const alpha = rho * dot(s, q)
    alphas.push(alpha)
    q = moved(q, -alpha, y)
  }
  const last = pairs.at(-1)
  const scale = last === undefined ? 1 : 1 / (last.rho * dot(last.y, last.y))
  let r: Float64Array = q.map((x) => scale * x)
  for (const { s, y, rho } of pairs) r = moved(r, (alphas.pop() as number) - rho * dot(y, r), s)
  return r.map((x) => -x)
}
