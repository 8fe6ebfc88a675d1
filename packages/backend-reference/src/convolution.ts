import { dimAt, type TensorType } from "@vitrine/core"
import { elementCount, fourDims, type Kernels, type Ops } from "@vitrine/core/backend"
import { at } from "./strided.ts"

type Dims = readonly [number, number, number, number]
type Window = Ops["conv2d"]

const dims = ({ shape }: TensorType<number>): Dims => fourDims(shape)
const zeros = ({ shape }: TensorType<number>): Float64Array => new Float64Array(elementCount(shape))

/**
 * Calls `visit` for the products of each pixel under the kernel with one output. It gives the flat positions in x, weight
 * and y of the first input channel. The next channel is one further in x and `step` further in weight.
 */
function eachPixel(
  x: Dims,
  weight: Dims,
  y: Dims,
  { strides, padding }: Window,
  visit: (x: number, w: number, y: number, inputs: number, step: number) => void,
): void {
  const [batch, height, width, inputs] = x
  const [outputs, , kernelHeight, kernelWidth] = weight
  const [, rows, columns] = y
  const step = kernelHeight * kernelWidth
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let a = 0; a < kernelHeight; a++)
          for (let b = 0; b < kernelWidth; b++) {
            const row = i * strides[0] + a - padding[0]
            const column = j * strides[1] + b - padding[2]
            if (row < 0 || row >= height || column < 0 || column >= width) continue
            const pixel = ((n * height + row) * width + column) * inputs
            const output = ((n * rows + i) * columns + j) * outputs
            for (let o = 0; o < outputs; o++)
              visit(pixel, o * inputs * step + a * kernelWidth + b, output + o, inputs, step)
          }
}

export const convolutionKernels: Kernels<Float64Array> = {
  conv2d: ([x, weight], { attributes }, [y], [xType, weightType]) => {
    const out = zeros(y)
    eachPixel(dims(xType), dims(weightType), dims(y), attributes, (i, w, o, inputs, step) => {
      let sum = at(out, o)
      for (let c = 0; c < inputs; c++) sum += at(x, i + c) * at(weight, w + c * step)
      out[o] = sum
    })
    return [out]
  },
  conv2dInputGrad: ([dy, weight], { attributes }, [x], [yType, weightType]) => {
    const out = zeros(x)
    eachPixel(dims(x), dims(weightType), dims(yType), attributes, (i, w, o, inputs, step) => {
      const slope = at(dy, o)
      for (let c = 0; c < inputs; c++) out[i + c] = at(out, i + c) + slope * at(weight, w + c * step)
    })
    return [out]
  },
  conv2dWeightGrad: ([dy, x], { attributes }, [weight], [yType, xType]) => {
    const out = zeros(weight)
    eachPixel(dims(xType), dims(weight), dims(yType), attributes, (i, w, o, inputs, step) => {
      const slope = at(dy, o)
      for (let c = 0; c < inputs; c++) out[w + c * step] = at(out, w + c * step) + slope * at(x, i + c)
    })
    return [out]
  },
  maxPool2d: ([x], { attributes: { size, strides, padding } }, [values, indices], [xType]) => {
    const [batch, height, width, channels] = dims(xType)
    const [, rows, columns] = dims(values)
    const best = zeros(values).fill(Number.NEGATIVE_INFINITY)
    const where = zeros(indices)
    for (let n = 0; n < batch; n++)
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++)
          for (let a = 0; a < size[0]; a++)
            for (let b = 0; b < size[1]; b++) {
              const row = i * strides[0] + a - padding[0]
              const column = j * strides[1] + b - padding[2]
              if (row < 0 || row >= height || column < 0 || column >= width) continue
              for (let c = 0; c < channels; c++) {
                const o = ((n * rows + i) * columns + j) * channels + c
                const value = at(x, ((n * height + row) * width + column) * channels + c)
                if (value <= at(best, o)) continue
                best[o] = value
                where[o] = row * width + column
              }
            }
    return [best, where]
  },
  gather: ([x, indices], _node, [out], [xType]) => {
    const [rows, channels] = [dimAt(xType.shape, 1), dimAt(xType.shape, 2)]
    const count = dimAt(out.shape, 1)
    const gathered = zeros(out).map((_, i) => {
      const n = Math.floor(i / (count * channels))
      return at(x, (n * rows + at(indices, i)) * channels + (i % channels))
    })
    return [gathered]
  },
  scatterAdd: ([values, indices], _node, [out], [valuesType]) => {
    const [count, channels] = [dimAt(valuesType.shape, 1), dimAt(valuesType.shape, 2)]
    const rows = dimAt(out.shape, 1)
    const result = zeros(out)
    for (const [i, value] of values.entries()) {
      const n = Math.floor(i / (count * channels))
      const o = (n * rows + at(indices, i)) * channels + (i % channels)
      result[o] = at(result, o) + value
    }
    return [result]
  },
}
