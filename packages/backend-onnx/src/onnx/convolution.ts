import { dimAt, fixed, type Shape } from "@vitrine/core"
import { elementCount, fourDims, type Ops, product } from "@vitrine/core/backend"
import type { Emitter, Value } from "./emitter.ts"
import type { OnnxKernels } from "./kernel.ts"

// ONNX's convolution expects NCHW, core has NHWC.

type Window = Ops["conv2d"]
/** A number for rows and one for columns. */
type Pair = readonly [number, number]

/** The same images are turned once for all that read them. */
const toNchw = (e: Emitter, x: string): string =>
  e.once(`nchw ${x}`, () => e.one("Transpose", [x], { attributes: { perm: [0, 3, 1, 2] } }))
const toNhwc = (e: Emitter, x: string): string => e.one("Transpose", [x], { attributes: { perm: [0, 2, 3, 1] } })

/** The padding in ONNX's order: top, left, bottom, right. */
const pads = ({ padding: [top, bottom, left, right] }: Window): number[] => [top, left, bottom, right]

/**
 * Whether each output place depends on one input place only. Then images and features are the rows of a matrix product.
 */
const isPointwise = (kernel: Shape, { padding }: Window): boolean =>
  kernel[2] === 1 && kernel[3] === 1 && padding.every((n) => n === 0)

/** Rows and columns of images. */
const gridOf = (shape: Shape): Pair => [fixed(shape, 1), fixed(shape, 2)]

/** `[batch, height, width, channels]` as rows of a matrix. */
const asRows = (e: Emitter, x: string, shape: Shape): string =>
  e.reshape(x, shape, [product(shape.slice(0, -1)), dimAt(shape, -1)])

const asMatrix = (e: Emitter, weight: Value): string =>
  e.reshape(e.elements(weight), weight.shape, weight.shape.slice(0, 2))

/** Selects `rows × columns` places of an image, from one place on with strides. */
function everyOther(e: Emitter, x: string, [top, left]: Pair, [rows, columns]: Pair, [down, across]: Pair): string {
  const ends = [top + (rows - 1) * down + 1, left + (columns - 1) * across + 1]
  return e.one("Slice", [x, e.ints([top, left]), e.ints(ends), e.ints([1, 2]), e.ints([down, across])])
}

/** Puts the places of an image into an image of the output's size, with zeros between them. */
function spread(e: Emitter, x: string, shape: Shape, [down, across]: Pair, output: Shape): string {
  if (down === 1 && across === 1) return x
  const [batch, , , channels] = fourDims(shape)
  const [rows, columns] = gridOf(shape)
  const zeros = e.ints([0, 0, 0, 0, 0, 0, 0, 0, down - 1, 0, across - 1, 0])
  const padded = e.one("Pad", [e.reshape(x, shape, [batch, rows, 1, columns, 1, channels]), zeros])
  const apart = [batch, rows, down, columns, across, channels]
  const image = e.reshape(padded, apart, [batch, rows * down, columns * across, channels])
  return e.one("Slice", [image, e.ints([0, 0]), e.ints(gridOf(output)), e.ints([1, 2])])
}

/**
 * The fewest channels for which matrix products are used. With fewer channels the product of one place of the kernel is
 * too small.
 */
const fewChannels = 8

export const convolutionKernels: OnnxKernels = {
  conv2d: (e, [x, weight], window, [{ shape }]) => {
    if (!isPointwise(weight.shape, window)) {
      const attributes = { strides: window.strides, pads: pads(window) }
      return [toNhwc(e, e.one("Conv", [toNchw(e, e.elements(x)), e.elements(weight)], { attributes }))]
    }
    const strided = window.strides.some((n) => n > 1)
    const places = strided ? everyOther(e, e.elements(x), [0, 0], gridOf(shape), window.strides) : e.elements(x)
    const rows = asRows(e, places, shape.with(3, dimAt(x.shape, 3)))
    const products = e.one("Gemm", [rows, asMatrix(e, weight)], { attributes: { transB: 1 } })
    return [e.reshape(products, [product(shape.slice(0, 3)), dimAt(shape, 3)], shape)]
  },

  conv2dInputGrad: (e, [dy, weight], window, [{ shape }]) => {
    if (isPointwise(weight.shape, window)) {
      const products = e.one("Gemm", [asRows(e, e.elements(dy), dy.shape), asMatrix(e, weight)])
      const small = dy.shape.with(3, dimAt(shape, 3))
      const image = e.reshape(products, [product(small.slice(0, 3)), dimAt(small, 3)], small)
      return [spread(e, image, small, window.strides, shape)]
    }
    const phases = isLarge(dy.shape) ? phasesOf(dy.shape, weight.shape, window, shape) : undefined
    if (phases !== undefined) return [inPhases(e, dy, weight, window, shape, phases)]
    const [top, bottom, left, right] = window.padding
    /** The number of rows or columns at the end that no window reached. */
    const unreached = (axis: 0 | 1, padding: number): number => {
      const covered = (fixed(dy.shape, 1 + axis) - 1) * window.strides[axis] + fixed(weight.shape, 2 + axis)
      return fixed(shape, 1 + axis) + padding - covered
    }
    const attributes = {
      strides: window.strides,
      pads: pads(window),
      output_padding: [unreached(0, top + bottom), unreached(1, left + right)],
    }
    return [toNhwc(e, e.one("ConvTranspose", [toNchw(e, e.elements(dy)), e.elements(weight)], { attributes }))]
  },

  conv2dWeightGrad: (e, [dy, x], window, [{ shape }]) => {
    const [outputs, inputs, height, width] = [fixed(shape, 0), fixed(shape, 1), fixed(shape, 2), fixed(shape, 3)]
    if (inputs < fewChannels) return [swappedWeightGrad(e, dy, x, window, [height, width])]
    const [top, bottom, left, right] = window.padding
    const pads4d = e.ints([0, top, left, 0, 0, bottom, right, 0])
    const padded = window.padding.some((n) => n > 0) ? e.one("Pad", [e.elements(x), pads4d]) : e.elements(x)
    const rows = asRows(e, e.elements(dy), dy.shape)
    const grid = gridOf(dy.shape)
    const whole = isPointwise(shape, window) && window.strides.every((n) => n === 1)
    // Concatenates the inputs of each place of the kernel, and multiplies them by the gradients.
    const [first, ...others] = Array.from({ length: height * width }, (_, i) => {
      const place: Pair = [Math.floor(i / width), i % width]
      const entries = whole ? padded : everyOther(e, padded, place, grid, window.strides)
      return asRows(e, entries, dy.shape.with(3, inputs))
    })
    if (first === undefined) throw new RangeError("a kernel has a place at least")
    if (manyPlaces(grid, outputs)) {
      const gradients = turnedRows(e, dy)
      const products = [first, ...others].map((entries) => {
        const images = e.reshape(entries, dy.shape.with(3, inputs), [dimAt(dy.shape, 0), elementCount(grid), inputs])
        const sums = e.one("ReduceSum", [e.one("MatMul", [gradients, images]), e.ints([0])], {
          attributes: { keepdims: 0 },
        })
        return e.reshape(sums, [outputs, inputs], [outputs, inputs, 1])
      })
      const [one = "", ...more] = products
      const joined = more.length === 0 ? one : e.one("Concat", products, { attributes: { axis: 2 } })
      return [e.reshape(joined, [outputs, inputs, products.length], shape)]
    }
    const entries = others.length === 0 ? first : e.one("Concat", [first, ...others], { attributes: { axis: 1 } })
    const products = e.one("Gemm", [rows, entries], { attributes: { transA: 1 } })
    if (others.length === 0) return [e.reshape(products, [outputs, inputs], shape)]
    const matrices = e.reshape(products, [outputs, height * width * inputs], [outputs, height * width, inputs])
    const turned = e.one("Transpose", [matrices], { attributes: { perm: [0, 2, 1] } })
    return [e.reshape(turned, [outputs, inputs, height * width], shape)]
  },

  maxPool2d: (e, [x], window, [, { readers }]) => {
    const attributes = { kernel_shape: window.size, strides: window.strides, pads: pads(window) }
    const names = [toNchw(e, e.elements(x))]
    if (readers.length === 0) return [toNhwc(e, e.one("MaxPool", names, { attributes })), ""]
    // ONNX's indices count over all images and channels.
    const [values, indices] = e.node("MaxPool", names, 2, { attributes })
    const places = elementCount(gridOf(x.shape))
    const within = e.cast(e.one("Mod", [indices, e.ints([places])]), "int32")
    return [toNhwc(e, values), toNhwc(e, within)]
  },

  gather: (e, [x, indices]) => [
    e.one("GatherElements", [e.elements(x), e.elements(indices)], { attributes: { axis: 1 } }),
  ],

  scatterAdd: (e, [values, indices], _, [{ shape }]) => {
    const zeros = e.one("Expand", [e.scalar(0), e.dims(shape)])
    const names = [zeros, e.elements(indices), e.elements(values)]
    return [e.one("ScatterElements", names, { attributes: { axis: 1, reduction: "add" } })]
  },
}

/**
 * Whether a weight's gradient is a small product for each image and place of the kernel, and not one for all. There must
 * be more places in an image than outputs, or else the products of the images are larger than the images.
 */
const manyPlaces = (grid: Pair, outputs: number): boolean => elementCount(grid) >= outputs

/** Images as `[batch, channels, places]`. */
function turnedRows(e: Emitter, x: Value): string {
  const [batch, , , channels] = fourDims(x.shape)
  const [height, width] = gridOf(x.shape)
  const turned: Shape = [batch, channels, height, width]
  return e.reshape(toNchw(e, e.elements(x)), turned, [batch, channels, height * width])
}

/** Whether a batch of images has so many places that turning the kernel takes little of a convolution's time. */
const isLarge = (shape: Shape): boolean => {
  const [batch] = shape
  return (typeof batch === "number" ? batch : 1) * elementCount(gridOf(shape)) >= 2000
}

/** Every `stride`-th row or column of the input, from one on: the convolution that gives its gradients. */
interface Phase {
  /** The first place of the kernel, and the number of its places. */
  readonly start: number
  readonly count: number
  readonly pads: Pair
}

/**
 * The phases of rows and of columns, in the order of the first row or column of each. Undefined where the input has not
 * equally many of each phase, or a phase has no place of the kernel.
 */
function phasesOf(dy: Shape, weight: Shape, window: Window, x: Shape): readonly [Phase[], Phase[]] | undefined {
  const along = (axis: 0 | 1): Phase[] | undefined => {
    const [stride, before] = [window.strides[axis], window.padding[2 * axis] ?? 0]
    const [size, output, kernel] = [fixed(x, 1 + axis), fixed(dy, 1 + axis), fixed(weight, 2 + axis)]
    if (size % stride !== 0 || kernel < stride) return undefined
    const phases = Array.from({ length: stride }, (_, residue): Phase => {
      const start = (residue + before) % stride
      const count = Math.ceil((kernel - start) / stride)
      const first = count - 1 - Math.ceil((before - start) / stride)
      return { start, count, pads: [first, size / stride - output - first + count - 1] }
    })
    return phases.every(({ pads }) => pads.every((n) => n >= 0)) ? phases : undefined
  }
  const [rows, columns] = [along(0), along(1)]
  return rows === undefined || columns === undefined ? undefined : [rows, columns]
}

/**
 * The gradient of images as convolutions of `dy` with the turned kernel: one for each phase of rows and of columns, each
 * with the places of the kernel that meet it.
 */
function inPhases(
  e: Emitter,
  dy: Value,
  weight: Value,
  { strides }: Window,
  shape: Shape,
  [rows, columns]: readonly [Phase[], Phase[]],
): string {
  const images = toNchw(e, e.elements(dy))
  const kernel = e.one("Transpose", [e.elements(weight)], { attributes: { perm: [1, 0, 2, 3] } })
  const [down, across] = strides
  const [batch, , , channels] = fourDims(shape)
  const [height, width] = gridOf(shape)
  const small: Shape = [batch, height / down, width / across, channels]
  const apart: Shape = [batch, height / down, 1, width / across, 1, channels]
  const part = (row: Phase, column: Phase): string => {
    const lasts = [row.start + down * (row.count - 1), column.start + across * (column.count - 1)]
    const ends = e.ints([-(2 ** 31), -(2 ** 31)])
    const turned = e.one("Slice", [kernel, e.ints(lasts), ends, e.ints([2, 3]), e.ints([-down, -across])])
    const pads = [row.pads[0], column.pads[0], row.pads[1], column.pads[1]]
    return toNhwc(e, e.one("Conv", [images, turned], { attributes: { pads } }))
  }
  if (down === 1 && across === 1) {
    const [row, column] = [rows[0], columns[0]]
    if (row !== undefined && column !== undefined) return part(row, column)
  }
  const lines = rows.map((row) => {
    const parts = columns.map((column) => e.reshape(part(row, column), small, apart))
    return parts.length === 1 ? (parts[0] ?? "") : e.one("Concat", parts, { attributes: { axis: 4 } })
  })
  const image = lines.length === 1 ? (lines[0] ?? "") : e.one("Concat", lines, { attributes: { axis: 2 } })
  return e.reshape(image, [batch, height / down, down, width / across, across, channels], shape)
}

/**
 * The gradient as a convolution that exchanges images and channels. The output's gradient is its kernel. The stride
 * between windows becomes the dilation of the kernel.
 */
function swappedWeightGrad(e: Emitter, dy: Value, x: Value, window: Window, kernel: Pair): string {
  const swap = (value: Value): string => e.one("Transpose", [e.elements(value)], { attributes: { perm: [3, 0, 1, 2] } })
  const attributes = { dilations: window.strides, pads: pads(window) }
  const grad = e.one("Conv", [swap(x), swap(dy)], { attributes }) // [in, out, ≥ kernel]
  const cut = e.one("Slice", [grad, e.ints([0, 0]), e.ints(kernel), e.ints([2, 3])])
  return e.one("Transpose", [cut], { attributes: { perm: [1, 0, 2, 3] } })
}
