import { elementCount } from "@vitrine/core/backend"

/** The value at an index. @throws RangeError where there is none. */
export function at(values: ArrayLike<number>, i: number): number {
  const value = values[i]
  if (value === undefined) throw new RangeError(`no value ${i} among ${values.length}`)
  return value
}

/** Row-major strides of a shape. */
export function strides(shape: readonly number[]): readonly number[] {
  let step = 1
  return shape
    .toReversed()
    .map((size) => {
      const stride = step
      step *= size
      return stride
    })
    .reverse()
}

/** Row-major strides of a shape, 0 along axes of size 1 so that they broadcast. */
function broadcastStrides(shape: readonly number[]): readonly number[] {
  return strides(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride))
}

/**
 * Visits the elements of `shape` in order, calling `visit` with the position in a tensor of `strides`, which may be
 * shorter than the shape (missing leading axes broadcast).
 */
export function walk(
  shape: readonly number[],
  strides: readonly number[],
  visit: (position: number, i: number) => void,
): void {
  const missing = shape.length - strides.length
  /** The axes from the fastest to the slowest; `count` says how far along each of them the walk is. */
  const axes = shape.map((size, axis) => ({ size, step: strides[axis - missing] ?? 0, count: 0 })).reverse()
  const total = elementCount(shape)
  let position = 0
  for (let i = 0; i < total; i++) {
    visit(position, i)
    for (const axis of axes) {
      position += axis.step
      axis.count += 1
      if (axis.count < axis.size) break
      position -= axis.step * axis.size
      axis.count = 0
    }
  }
}

/** The values of `x` broadcast to `shape`; `x` itself where nothing has to be repeated. */
export function broadcast(x: Float64Array, from: readonly number[], shape: readonly number[]): Float64Array {
  const total = elementCount(shape)
  if (x.length === total) return x
  const out = new Float64Array(total)
  if (x.length === 1) return out.fill(at(x, 0))
  walk(shape, broadcastStrides(from), (position, i) => {
    out[i] = at(x, position)
  })
  return out
}

/** How a row-major tensor falls apart around one axis: `outer` × `size` × `inner`. */
export function around(shape: readonly number[], axis: number): { outer: number; size: number; inner: number } {
  return {
    outer: elementCount(shape.slice(0, axis)),
    size: at(shape, axis),
    inner: elementCount(shape.slice(axis + 1)),
  }
}
