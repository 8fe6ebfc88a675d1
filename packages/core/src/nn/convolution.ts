import { conv2d, maxPool2d, type WindowOptions } from "../tensor/convolution.ts"
import { layerNorm } from "../tensor/fused.ts"
import { add, div, full, mean, reshape, sqrt, square, sub } from "../tensor/ops.ts"
import { elementCount, fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Scope } from "./scope.ts"

/** ε keeps a deviation from 0. It is added within the root, `√(variance + ε)`, or outside, `√variance + ε`. */
export interface Deviation {
  readonly epsilon: number
  readonly outside: boolean
}

/** Options of a convolution whose kernels have mean 0 and variance 1. */
export interface StandardizedConvOptions {
  readonly outputs: number
  /** Height and width of the kernels. */
  readonly size: number
  readonly stride: number
  /**
   * `centre` pads half a kernel at every side. `same` pads as TensorFlow does: as little as the windows need, the odd
   * row or column at the end.
   */
  readonly padding: "centre" | "same"
  readonly deviation: Deviation
}

/**
 * A convolution without bias. Each of its kernels is standardised to mean 0 and variance 1 (Qiao et al., 2019):
 * `[batch, h, w, in]` → `[batch, ⌈h / stride⌉, ⌈w / stride⌉, outputs]`.
 */
export function standardizedConv(scope: Scope, x: Tensor, options: StandardizedConvOptions): Tensor {
  const { outputs, size, stride, padding, deviation } = options
  const weight = scope.param("weight", [outputs, fixed(x.shape, 3), size, size], "convolution")
  const border = (size - 1) / 2
  const window =
    padding === "same"
      ? sameWindow(x, size, stride)
      : { strides: [stride, stride] as const, padding: [border, border, border, border] as const }
  return conv2d(x, standardized(weight, deviation), window)
}

function standardized(weight: Tensor, { epsilon, outside }: Deviation): Tensor {
  if (!outside) {
    const size = elementCount(weight.shape.slice(1))
    const rows = reshape(weight, [fixed(weight.shape, 0), size])
    return reshape(layerNorm(rows, full([size], 1), full([size], 0), epsilon).y, weight.shape)
  }
  const centred = sub(weight, mean(weight, [1, 2, 3], true))
  const variance = mean(square(centred), [1, 2, 3], true)
  return div(centred, add(sqrt(variance), epsilon))
}

/**
 * The greatest value of each window, padded as TensorFlow's SAME: `[batch, h, w, channels]` → `[batch, ⌈h / stride⌉, ⌈w
 * / stride⌉, channels]`.
 */
export function maxPoolSame(x: Tensor, size: number, stride: number): Tensor {
  return maxPool2d(x, [size, size], sameWindow(x, size, stride))[0]
}

function sameWindow(x: Tensor, size: number, stride: number): Required<WindowOptions> {
  const along = (axis: number): readonly [before: number, after: number] => {
    const length = fixed(x.shape, axis)
    const missing = Math.max((Math.ceil(length / stride) - 1) * stride + size - length, 0)
    return [Math.floor(missing / 2), Math.ceil(missing / 2)]
  }
  return { strides: [stride, stride], padding: [...along(1), ...along(2)] }
}
