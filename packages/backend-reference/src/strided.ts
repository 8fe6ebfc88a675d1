/** Row-major strides of a shape, 0 along axes of size 1 so that they broadcast. */
function broadcastStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(0)
  let step = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number
    if (size !== 1) strides[axis] = step
    step *= size
  }
  return strides
}

/**
 * Visits the elements of `shape` in order, calling `visit` with the position in a tensor of `strides`, which may be
 * shorter than the shape (missing leading axes broadcast).
 */
export function walk(
  shape: readonly number[],
  strides: readonly number[],
  visit: (at: number, i: number) => void,
): void {
  const lead = shape.length - strides.length
  const step = shape.map((_, axis) => (axis < lead ? 0 : (strides[axis - lead] as number)))
  const total = shape.reduce((n, dim) => n * dim, 1)
  const index = new Array<number>(shape.length).fill(0)
  let at = 0
  for (let i = 0; i < total; i++) {
    visit(at, i)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += step[axis] as number
      index[axis] = (index[axis] as number) + 1
      if ((index[axis] as number) < (shape[axis] as number)) break
      at -= (step[axis] as number) * (shape[axis] as number)
      index[axis] = 0
    }
  }
}

/** The values of `x` broadcast to `shape`; `x` itself where nothing has to be repeated. */
export function broadcast(x: Float64Array, from: readonly number[], shape: readonly number[]): Float64Array {
  const total = shape.reduce((n, dim) => n * dim, 1)
  if (x.length === total) return x
  const out = new Float64Array(total)
  if (x.length === 1) return out.fill(x[0] as number)
  walk(shape, broadcastStrides(from), (at, i) => {
    out[i] = x[at] as number
  })
  return out
}

export function strides(shape: readonly number[]): number[] {
  const result = new Array<number>(shape.length)
  let step = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    result[axis] = step
    step *= shape[axis] as number
  }
  return result
}

/** How a row-major tensor falls apart around one axis: `outer` × `size` × `inner`. */
export function around(shape: readonly number[], axis: number): { outer: number; size: number; inner: number } {
  const count = (dims: readonly number[]): number => dims.reduce((n, dim) => n * dim, 1)
  return { outer: count(shape.slice(0, axis)), size: shape[axis] as number, inner: count(shape.slice(axis + 1)) }
}
