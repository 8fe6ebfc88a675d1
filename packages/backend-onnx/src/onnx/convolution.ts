import { type Ops, product, type Shape } from "@vitrine/core"
import type { Emitter, Value } from "./emitter.ts"
import type { OnnxKernels, Output } from "./kernels.ts"

// ONNX convolves NCHW, core NHWC.

const toNchw = (e: Emitter, x: string): string => e.one("Transpose", [x], { attributes: { perm: [0, 3, 1, 2] } })
const toNhwc = (e: Emitter, x: string): string => e.one("Transpose", [x], { attributes: { perm: [0, 2, 3, 1] } })

/** ONNX's order: top, left, bottom, right. */
const pads = ({ padding: [top, bottom, left, right] }: Ops["conv2d"]): number[] => [top, left, bottom, right]

type Four = readonly [number, number, number, number]

/** Whether each place is computed from one place alone, so that images and features are the rows of a matrix product. */
const isPointwise = (kernel: Shape, { padding }: Ops["conv2d"]): boolean =>
  kernel[2] === 1 && kernel[3] === 1 && padding.every((n) => n === 0)

/** `[batch, height, width, channels]` as the rows of a matrix. */
const asRows = (e: Emitter, x: string, shape: Shape): string =>
  e.reshape(x, shape, [product(shape.slice(0, -1)), shape[3] as number])

const asMatrix = (e: Emitter, { shape, ...weight }: Value): string =>
  e.reshape(e.elements({ shape, ...weight }), shape, shape.slice(0, 2))

/** From a place on, every stride-th one, `rows × columns` of them. */
function everyOther(
  e: Emitter,
  x: string,
  [top, left]: readonly [number, number],
  [rows, columns]: readonly [number, number],
  [down, across]: readonly [number, number],
): string {
  const ends = [top + (rows - 1) * down + 1, left + (columns - 1) * across + 1]
  return e.one("Slice", [x, e.ints([top, left]), e.ints(ends), e.ints([1, 2]), e.ints([down, across])])
}

/** Places with zeros between them, of the output's size. */
function apart(
  e: Emitter,
  x: string,
  [batch, rows, columns, channels]: Shape,
  [down, across]: readonly [number, number],
  output: Shape,
): string {
  if (down === 1 && across === 1) return x
  const spaced = [batch, rows, 1, columns, 1, channels] as Shape
  const zeros = e.ints([0, 0, 0, 0, 0, 0, 0, 0, down - 1, 0, across - 1, 0])
  const wide = [batch, (rows as number) * down, (columns as number) * across, channels] as Shape
  const split = e.reshape(x, [batch, rows, columns, channels] as Shape, spaced)
  const padded = e.one("Pad", [split, zeros])
  const joined = e.reshape(padded, [batch, rows, down, columns, across, channels] as Shape, wide)
  const [, height, width] = output as Four
  return e.one("Slice", [joined, e.ints([0, 0]), e.ints([height, width]), e.ints([1, 2])])
}

/** With fewer channels, a product for each place of the kernel has too little to do. */
const fewChannels = 8

export const convolutionKernels: OnnxKernels = {
  conv2d: (e, [x, weight], window, [output]) => {
    const [input, kernel, { shape }] = [x as Value, weight as Value, output as Output]
    if (isPointwise(kernel.shape, window)) {
      const size = shape.slice(1, 3) as readonly number[] as [number, number]
      const strided = window.strides.some((n) => n > 1)
      const seen = strided ? everyOther(e, e.elements(input), [0, 0], size, window.strides) : e.elements(input)
      const rows = asRows(e, seen, [...shape.slice(0, 3), input.shape[3]] as Shape)
      const made = e.one("Gemm", [rows, asMatrix(e, kernel)], { attributes: { transB: 1 } })
      return [e.reshape(made, [product(shape.slice(0, 3)), shape[3] as number], shape)]
    }
    const attributes = { strides: window.strides, pads: pads(window) }
    const made = e.one("Conv", [toNchw(e, e.elements(input)), e.elements(kernel)], { attributes })
    return [toNhwc(e, made)]
  },

  conv2dInputGrad: (e, [dy, weight], window, [output]) => {
    const [d, w, { shape }] = [dy as Value, weight as Value, output as Output]
    if (isPointwise(w.shape, window)) {
      const made = e.one("Gemm", [asRows(e, e.elements(d), d.shape), asMatrix(e, w)])
      const small = [...d.shape.slice(0, 3), shape[3]] as Shape
      const image = e.reshape(made, [product(small.slice(0, 3)), small[3] as number], small)
      return [apart(e, image, small, window.strides, shape)]
    }
    const [top, bottom, left, right] = window.padding
    // Rows at the end that no window reached.
    const rest = (axis: 0 | 1, before: number, after: number): number => {
      const covered = ((d.shape[1 + axis] as number) - 1) * window.strides[axis] + (w.shape[2 + axis] as number)
      return (shape[1 + axis] as number) + before + after - covered
    }
    const attributes = {
      strides: window.strides,
      pads: pads(window),
      output_padding: [rest(0, top, bottom), rest(1, left, right)],
    }
    return [toNhwc(e, e.one("ConvTranspose", [toNchw(e, e.elements(d)), e.elements(w)], { attributes }))]
  },

  conv2dWeightGrad: (e, [dy, x], window, [output]) => {
    const [d, input] = [dy as Value, x as Value]
    const [outputs, inputs, height, width] = (output as Output).shape as Four
    if (inputs < fewChannels) return [swappedWeightGrad(e, d, input, window, (output as Output).shape as Four)]
    const [top, bottom, left, right] = window.padding
    const around = e.ints([0, top, left, 0, 0, bottom, right, 0])
    const wide = window.padding.some((n) => n > 0) ? e.one("Pad", [e.elements(input), around]) : e.elements(input)
    const rows = asRows(e, e.elements(d), d.shape)
    const size = d.shape.slice(1, 3) as readonly number[] as [number, number]
    const whole = isPointwise([outputs, inputs, height, width], window) && window.strides.every((n) => n === 1)
    // What each place of the kernel has seen, side by side, and its product with the gradients.
    const places = Array.from({ length: height * width }, (_, i) => {
      const at = [Math.floor(i / width), i % width] as const
      const seen = whole ? wide : everyOther(e, wide, at, size, window.strides)
      return asRows(e, seen, [...d.shape.slice(0, 3), inputs] as Shape)
    })
    const seen = places.length === 1 ? (places[0] as string) : e.one("Concat", places, { attributes: { axis: 1 } })
    const made = e.one("Gemm", [rows, seen], { attributes: { transA: 1 } })
    if (places.length === 1) return [e.reshape(made, [outputs, inputs], (output as Output).shape)]
    const matrices = e.reshape(made, [outputs, height * width * inputs], [outputs, height * width, inputs])
    const turned = e.one("Transpose", [matrices], { attributes: { perm: [0, 2, 1] } })
    return [e.reshape(turned, [outputs, inputs, height * width], (output as Output).shape)]
  },

  maxPool2d: (e, [x], window, [, indices]) => {
    const { shape } = x as Value
    const attributes = { kernel_shape: window.size, strides: window.strides, pads: pads(window) }
    const [values, at] = e.node("MaxPool", [toNchw(e, e.elements(x as Value))], indices?.readers.length ? 2 : 1, {
      attributes,
    })
    if (at === undefined) return [toNhwc(e, values as string), ""]
    const image = e.ints([(shape[1] as number) * (shape[2] as number)])
    const within = e.one("Cast", [e.one("Mod", [at, image])], { attributes: { to: 6 } })
    return [toNhwc(e, values as string), toNhwc(e, within)]
  },

  gather: (e, [x, indices]) => [
    e.one("GatherElements", [e.elements(x as Value), e.elements(indices as Value)], { attributes: { axis: 1 } }),
  ],

  scatterAdd: (e, [values, indices], _, [output]) => {
    const zeros = e.one("Expand", [e.scalar(0), e.dims((output as Output).shape)])
    const names = [zeros, e.elements(indices as Value), e.elements(values as Value)]
    return [e.one("ScatterElements", names, { attributes: { axis: 1, reduction: "add" } })]
  },
}

/**
 * The gradient as a convolution in which images and channels have changed places: what was a stride between windows is
 * now a dilation of the kernel, which is the gradient.
 */
function swappedWeightGrad(e: Emitter, dy: Value, x: Value, window: Ops["conv2d"], shape: Four): string {
  const swap = (value: Value): string => e.one("Transpose", [e.elements(value)], { attributes: { perm: [3, 0, 1, 2] } })
  const attributes = { dilations: window.strides, pads: pads(window) }
  const made = e.one("Conv", [swap(x), swap(dy)], { attributes }) // [in, out, ≥ kernel]
  const cut = e.one("Slice", [made, e.ints([0, 0]), e.ints(shape.slice(2)), e.ints([2, 3])])
  return e.one("Transpose", [cut], { attributes: { perm: [1, 0, 2, 3] } })
}
