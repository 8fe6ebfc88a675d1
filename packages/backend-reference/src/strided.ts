import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"

/**
 * The value at an index.
 * @throws RangeError if there is none
 */
export function at(values: Float64Array, i: number): number {
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

/** Row-major strides of a shape. Axes of size 1 have stride 0, so that they broadcast. */
function broadcastStrides(shape: readonly number[]): readonly number[] {
  return strides(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride))
}

/**
 * Visits the elements of `shape` in order. It calls `visit` with the position of each element in a tensor with
 * `strides`. If there are fewer strides than axes, the tensor broadcasts along the leading axes.
 */
export function walk(
  shape: readonly number[],
  strides: readonly number[],
  visit: (position: number, i: number) => void,
): void {
  const missing = shape.length - strides.length
  let i = 0
  const walkFrom = (axis: number, position: number): void => {
    const size = shape[axis]
    if (size === undefined) return visit(position, i++)
    const step = strides[axis - missing] ?? 0
    if (axis === shape.length - 1) for (let k = 0; k < size; k++) visit(position + k * step, i++)
    else for (let k = 0; k < size; k++) walkFrom(axis + 1, position + k * step)
  }
  walkFrom(0, 0)
}

/** The values of `x` broadcast to `shape`, or `x` itself if the shapes are equal in size. */
export function broadcast(x: Float64Array, from: readonly number[], shape: readonly number[]): Float64Array {
  const total = elementCount(shape)
  if (x.length === total) return x
  const out = new Float64Array(total)
  if (x.length === 1) return out.fill(at(x, 0))
  walk(shape, broadcastStrides(from), (position, i) => {
    out[i] = x[position] as number
  })
  return out
}

/** The sizes before, at and after an axis of a row-major tensor: `outer` × `size` × `inner`. */
export function around(shape: readonly number[], axis: number): { outer: number; size: number; inner: number } {
  return {
    outer: elementCount(shape.slice(0, axis)),
    size: dimAt(shape, axis),
    inner: elementCount(shape.slice(axis + 1)),
  }
}
