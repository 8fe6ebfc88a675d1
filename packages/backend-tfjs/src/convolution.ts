import { dimAt, type TensorType } from "@vitrine/core"
import { elementCount, fourDims, type Kernels, type Ops } from "@vitrine/core/backend"
import type { Tensor, Tensor4D } from "@tensorflow/tfjs-core"
import { dims, fail, type TensorFlow } from "./host.ts"

type Window = Ops["conv2d"]
/** Padding of batch, rows, columns and channels. */
type Padding = [[0, 0], [number, number], [number, number], [0, 0]]

/**
 * Checks that a tensor has four axes, as images and kernels have.
 * @throws VitrineError (backend) for another number of axes
 */
function images(x: Tensor): Tensor4D {
  const isFour = (t: Tensor): t is Tensor4D => t.rank === 4
  return isFour(x) ? x : fail(`expected a tensor of four axes, got [${x.shape.join(", ")}]`)
}

/**
 * Convolutions and pools, made of ops that every device has. Some devices lack tfjs' filter gradient and max-pool
 * indices.
 */
export function convolutionKernels(tf: TensorFlow): Kernels<Tensor> {
  const around = ([top, bottom, left, right]: Window["padding"]): Padding => [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]
  const filterOf = (weight: Tensor): Tensor4D => tf.transpose(images(weight), [2, 3, 1, 0])

  /** The entries at row `a` and column `b` of all windows of a padded `x`: `[batch, rows, columns, channels]`. */
  const windowEntry = (
    x: Tensor,
    [a, b]: readonly [row: number, column: number],
    [rows, columns]: readonly [number, number],
    { strides }: Window,
  ): Tensor => {
    const [batch, , , channels] = fourDims(x.shape)
    const end = (at: number, count: number, stride: number): number => at + (count - 1) * stride + 1
    return tf.stridedSlice(
      x,
      [0, a, b, 0],
      [batch, end(a, rows, strides[0]), end(b, columns, strides[1]), channels],
      [1, strides[0], strides[1], 1],
    )
  }

  /** Converts indices of rows along axis 1 to positions in a flattened `[batch, rows, channels]`. */
  const flatten = (indices: Tensor, rows: number): Tensor => {
    const [batch, channels] = [dimAt(indices.shape, 0), dimAt(indices.shape, 2)]
    const base = Int32Array.from({ length: batch * channels }, (_, i) => {
      const n = Math.floor(i / channels)
      return n * rows * channels + (i % channels)
    })
    const offsets = tf.tensor(base, [batch, 1, channels], "int32")
    return tf.reshape(tf.add(tf.mul(indices, tf.scalar(channels, "int32")), offsets), [-1])
  }

  const conv2d = (x: Tensor, weight: Tensor, { strides, padding }: Window): Tensor =>
    tf.tidy(() => tf.conv2d(images(x), filterOf(weight), [...strides], around(padding), "NHWC"))

  const conv2dInputGrad = (dy: Tensor, weight: Tensor, window: Window, { shape }: TensorType<number>): Tensor =>
    tf.tidy(() => {
      const [batch, height, width, channels] = fourDims(shape)
      const imageShape: [number, number, number, number] = [batch, height, width, channels]
      return tf.conv2dTranspose(images(dy), filterOf(weight), imageShape, [...window.strides], around(window.padding))
    })

  const conv2dWeightGrad = (dy: Tensor, x: Tensor, window: Window, type: TensorType<number>): Tensor =>
    tf.tidy(() => {
      const [outputs, inputs, height, width] = fourDims(type.shape)
      const [, rows, columns] = fourDims(dy.shape)
      const padded = tf.pad(x, around(window.padding))
      const grads = tf.transpose(tf.reshape(dy, [-1, outputs]))
      const parts = Array.from({ length: height * width }, (_, i) => {
        const entry = windowEntry(padded, [Math.floor(i / width), i % width], [rows, columns], window)
        return tf.matMul(grads, tf.reshape(entry, [-1, inputs])) // [out, in]
      })
      return tf.reshape(tf.stack(parts, 2), dims(type))
    })

  const maxPool2d = (
    x: Tensor,
    { size, ...window }: Ops["maxPool2d"],
    type: TensorType<number>,
  ): [values: Tensor, indices: Tensor] =>
    tf.tidy(() => {
      const [, rows, columns] = fourDims(type.shape)
      const imageWidth = dimAt(x.shape, 2)
      const padded = tf.pad(x, around(window.padding), Number.NEGATIVE_INFINITY)
      const [top, , left] = window.padding
      /** The entries at row `a` and column `b` of all windows, and their positions in the images. */
      const candidates = (a: number, b: number): readonly [values: Tensor, indices: Tensor] => {
        const places = Float32Array.from({ length: rows * columns }, (_, i) => {
          const row = Math.floor(i / columns) * window.strides[0] + a - top
          return row * imageWidth + (i % columns) * window.strides[1] + b - left
        })
        const indices = tf.broadcastTo(tf.tensor(places, [1, rows, columns, 1]), dims(type))
        return [windowEntry(padded, [a, b], [rows, columns], window), indices]
      }
      let [values, indices] = candidates(0, 0)
      for (let i = 1; i < size[0] * size[1]; i++) {
        const [entry, place] = candidates(Math.floor(i / size[1]), i % size[1])
        const better = tf.greater(entry, values)
        indices = tf.where(better, place, indices)
        values = tf.where(better, entry, values)
      }
      return [values, tf.cast(indices, "int32")]
    })

  return {
    conv2d: ([x, weight], { attributes }) => [conv2d(x, weight, attributes)],
    conv2dInputGrad: ([dy, weight], { attributes }, [type]) => [conv2dInputGrad(dy, weight, attributes, type)],
    conv2dWeightGrad: ([dy, x], { attributes }, [type]) => [conv2dWeightGrad(dy, x, attributes, type)],
    maxPool2d: ([x], { attributes }, [type]) => maxPool2d(x, attributes, type),
    gather: ([x, indices], _, [type]) => [
      tf.tidy(() => {
        const places = flatten(indices, dimAt(x.shape, 1))
        return tf.reshape(tf.gather(tf.reshape(x, [-1]), places), dims(type))
      }),
    ],
    scatterAdd: ([values, indices], _, [type]) => [
      tf.tidy(() => {
        const places = tf.reshape(flatten(indices, dimAt(type.shape, 1)), [-1, 1])
        const sums = tf.scatterND(places, tf.reshape(values, [-1]), [elementCount(type.shape)])
        return tf.reshape(sums, dims(type))
      }),
    ],
  }
}
