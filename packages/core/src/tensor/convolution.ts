import { VitrineError } from "../errors.ts"
import { dimAt, fixed, type Shape, sameShape, showShape } from "./shape.ts"
import { apply, applyOne, type Ops, type Tensor } from "./tensor.ts"

// Convolutions, for hybrid stems, ResNets and detection. Images are NHWC, weights [out, in, height, width] as in
// PyTorch. A backend supports all of these ops or none.

export interface WindowOptions {
  readonly strides?: readonly [number, number]
  /** Rows and columns of zeros at the top, bottom, left and right. */
  readonly padding?: readonly [number, number, number, number]
}

type Window = Ops["conv2d"]

function fail(op: string, message: string): never {
  throw new VitrineError("shape", `${op}: ${message}`)
}

function windowed(op: string, x: Tensor, size: readonly [number, number], options: WindowOptions): [Window, Shape] {
  if (x.shape.length !== 4) fail(op, `expects [batch, height, width, channels], got ${showShape(x.shape)}`)
  const { strides = [1, 1], padding = [0, 0, 0, 0] } = options
  const positive = [...size, ...strides].every((n) => Number.isInteger(n) && n >= 1)
  if (!positive || !padding.every((n) => Number.isInteger(n) && n >= 0))
    fail(op, `size ${size}, strides ${strides} and padding ${padding} are not a window`)
  const height = Math.floor((fixed(x.shape, 1) + padding[0] + padding[1] - size[0]) / strides[0]) + 1
  const width = Math.floor((fixed(x.shape, 2) + padding[2] + padding[3] - size[1]) / strides[1]) + 1
  if (height < 1 || width < 1) fail(op, `a window of ${size[0]}×${size[1]} does not fit into ${showShape(x.shape)}`)
  return [{ strides, padding }, [dimAt(x.shape, 0), height, width]]
}

/** Cross-correlation: x `[batch, height, width, in]`, weight `[out, in, kernelHeight, kernelWidth]`. */
export function conv2d(x: Tensor, weight: Tensor, options: WindowOptions = {}): Tensor {
  if (weight.shape.length !== 4 || weight.shape[1] !== x.shape[3])
    fail("conv2d", `x ${showShape(x.shape)} does not fit weight ${showShape(weight.shape)} [out, in, height, width]`)
  const [window, shape] = windowed("conv2d", x, [fixed(weight.shape, 2), fixed(weight.shape, 3)], options)
  return applyOne("conv2d", [x, weight], window, [...shape, fixed(weight.shape, 0)])
}

/** The gradient of `conv2d` to its input, of shape `shape`. */
export function conv2dInputGrad(dy: Tensor, weight: Tensor, shape: Shape, window: Window): Tensor {
  return applyOne("conv2dInputGrad", [dy, weight], window, shape)
}

/** The gradient of `conv2d` to its weight, of shape `shape`. */
export function conv2dWeightGrad(dy: Tensor, x: Tensor, shape: Shape, window: Window): Tensor {
  return applyOne("conv2dWeightGrad", [dy, x], window, shape)
}

/**
 * The greatest value of each window, and its index into the flattened rows and columns of its image and channel.
 * Padding is never the greatest. Of several equal values the first counts.
 */
export function maxPool2d(
  x: Tensor,
  size: readonly [number, number],
  options: WindowOptions = {},
): readonly [values: Tensor, indices: Tensor] {
  const [window, grid] = windowed("maxPool2d", x, size, options)
  const shape = [...grid, fixed(x.shape, 3)]
  return apply("maxPool2d", [x], { ...window, size }, [
    { shape, dtype: "float32" },
    { shape, dtype: "int32" },
  ])
}

/** `out[n, i, …] = x[n, indices[n, i, …], …]`: x and int32 indices `[batch, rows, channels]`, chosen along axis 1. */
export function gather(x: Tensor, indices: Tensor): Tensor {
  checkIndexed("gather", x, indices)
  return applyOne("gather", [x, indices], {}, indices.shape)
}

/** `out[n, indices[n, i, c], c] += values[n, i, c]` into zeros of `[batch, rows, channels]`: the gradient of gather. */
export function scatterAdd(values: Tensor, indices: Tensor, rows: number): Tensor {
  checkIndexed("scatterAdd", values, indices)
  if (!sameShape(values.shape, indices.shape))
    fail("scatterAdd", `values ${showShape(values.shape)} and indices ${showShape(indices.shape)} must be of one shape`)
  return applyOne("scatterAdd", [values, indices], {}, values.shape.with(1, rows))
}

function checkIndexed(op: string, x: Tensor, indices: Tensor): void {
  const fits = x.shape.length === 3 && indices.shape.length === 3
  if (!fits || x.shape[0] !== indices.shape[0] || x.shape[2] !== indices.shape[2])
    fail(
      op,
      `${showShape(x.shape)} and ${showShape(indices.shape)} must be [batch, rows, channels] of one batch and channels`,
    )
  if (indices.dtype !== "int32") fail(op, `indices must be int32, got ${indices.dtype}`)
}
