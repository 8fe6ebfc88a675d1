import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Tensor } from "./tensor.ts"

/** The places of elements in memory: element `c` is at `offset + Σ c[i] · strides[i]`. */
export interface Layout {
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
}

/** A layout in which elements of a tensor are read or written. */
export interface View extends Layout {
  readonly tensor: Tensor
}

/** Strides of a tensor without gaps whose last axis varies fastest. */
export function rowMajor(shape: readonly number[]): number[] {
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

/** A view of all elements of a tensor in order. It may have another shape with as many elements. */
export function wholeView(tensor: Tensor, shape: readonly number[] = tensor.shape): View {
  return { tensor, shape, strides: rowMajor(shape), offset: 0 }
}

/** Whether the elements from `offset` on are in order and without gaps. */
export function isDense({ shape, strides }: Layout): boolean {
  const dense = rowMajor(shape)
  return shape.every((size, axis) => size === 1 || strides[axis] === dense[axis])
}

/** Whether a view has all elements of its tensor in order. */
export function isWhole(view: View): boolean {
  return view.offset === 0 && isDense(view) && elementCount(view.shape) === elementCount(view.tensor.shape)
}

/** Whether a view reads a tensor in order from its first element, with as many elements as `other`. */
export function hasOrderOf(view: View, other: Layout): boolean {
  return view.offset === 0 && elementCount(view.shape) === elementCount(other.shape) && isDense(view)
}

export const isLiteral = ({ tensor }: View): boolean => tensor.place === "literal"

/** Whether all elements of a view are one element in memory. */
export const isRepeated = ({ shape, strides }: Layout): boolean =>
  shape.every((size, axis) => size === 1 || strides[axis] === 0)

/** Whether two views read the same elements of one tensor in the same shape. */
export function sameView(a: View, b: View): boolean {
  return (
    a.tensor === b.tensor &&
    a.offset === b.offset &&
    a.shape.join() === b.shape.join() &&
    a.strides.join() === b.strides.join()
  )
}

export function transposed<L extends Layout>(view: L, permutation: readonly number[]): L {
  return {
    ...view,
    shape: permutation.map((axis) => dimAt(view.shape, axis)),
    strides: permutation.map((axis) => dimAt(view.strides, axis)),
  }
}

/** Exchanges the last two axes of a view. */
export function matrixTransposed(view: View): View {
  const { length } = view.shape
  return transposed(view, [...view.shape.keys()].slice(0, -2).concat(length - 1, length - 2))
}

/** Selects `size` elements along one axis, from `start` on. */
export function sliced<L extends Layout>(view: L, axis: number, start: number, size: number): L {
  return {
    ...view,
    shape: view.shape.with(axis, size),
    offset: view.offset + start * dimAt(view.strides, axis),
  }
}

/** Broadcasts by NumPy's rules: axes of size 1 repeat, and so do missing axes. */
export function broadcasted(view: View, shape: readonly number[]): View {
  const lead = shape.length - view.shape.length
  const strides = shape.map((size, axis) => {
    const [viewSize, stride] = [view.shape[axis - lead], view.strides[axis - lead]]
    return stride === undefined || (viewSize === 1 && size !== 1) ? 0 : stride
  })
  return { ...view, shape, strides }
}

/** The same elements in another shape, or undefined if they would have to be copied. */
export function reshaped<L extends Layout>(view: L, shape: readonly number[]): L | undefined {
  const strides = new Array<number>(shape.length).fill(0)
  let axis = shape.length - 1
  for (const { size, stride } of merged(view).reverse()) {
    let left = size
    let step = stride
    while (left > 1) {
      const dim = shape[axis]
      if (dim === undefined || left % dim !== 0) return undefined
      strides[axis] = step
      step *= dim
      left /= dim
      axis--
    }
  }
  return { ...view, shape, strides }
}

/** An axis whose neighbouring elements are `stride` apart. */
export interface Axis {
  readonly size: number
  readonly stride: number
}

/** The fewest axes that visit the elements of a layout in order. Axes of size 1 are dropped. */
export function merged({ shape, strides }: Layout): Axis[] {
  const axes: Axis[] = []
  for (const [i, size] of shape.entries()) {
    if (size === 1) continue
    const stride = dimAt(strides, i)
    const outer = axes.at(-1)
    if (outer?.stride === stride * size) axes.splice(-1, 1, { size: outer.size * size, stride })
    else axes.push({ size, stride })
  }
  return axes
}

/** The last two axes of a view that holds matrices. */
export interface MatrixAxes {
  readonly rows: Axis
  readonly columns: Axis
  /** The layout of the other axes: the place of each matrix. */
  readonly lead: Layout
}

export function matrixAxes({ shape, strides, offset }: Layout): MatrixAxes {
  return {
    rows: { size: dimAt(shape, -2), stride: dimAt(strides, -2) },
    columns: { size: dimAt(shape, -1), stride: dimAt(strides, -1) },
    lead: { shape: shape.slice(0, -2), strides: strides.slice(0, -2), offset },
  }
}
