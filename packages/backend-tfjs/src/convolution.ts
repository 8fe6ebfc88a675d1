import type { Kernels, Ops } from "@vitrine/core"
import type { Tensor, Tensor4D } from "@tensorflow/tfjs-core"
import { dims, type TensorFlow } from "./host.ts"

type Window = Ops["conv2d"]

/** The convolution set out of ops that every device has: tfjs' own filter gradient and max-pool indices are not among them. */
export function convolutionKernels(tf: TensorFlow): Kernels<Tensor> {
  const around = ([top, bottom, left, right]: Window["padding"]): [number, number][] => [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]
  type Explicit = [[0, 0], [number, number], [number, number], [0, 0]]
  const filterOf = (weight: Tensor): Tensor4D => tf.transpose(weight as Tensor4D, [2, 3, 1, 0])

  /** What stands at row `a` and column `b` of every window of a padded `x`: `[batch, rows, columns, channels]`. */
  const windowEntry = (x: Tensor, a: number, b: number, [rows, columns]: number[], { strides }: Window): Tensor => {
    const [batch, , , channels] = x.shape as [number, number, number, number]
    const end = (at: number, count: number, stride: number): number => at + (count - 1) * stride + 1
    return tf.stridedSlice(
      x,
      [0, a, b, 0],
      [batch, end(a, rows as number, strides[0]), end(b, columns as number, strides[1]), channels],
      [1, strides[0], strides[1], 1],
    )
  }

  /** Positions in flattened `[batch, rows, channels]` of rows chosen along axis 1. */
  const flatten = (indices: Tensor, rows: number): Tensor => {
    const [batch, , channels] = indices.shape as [number, number, number]
    const base = Int32Array.from({ length: batch * channels }, (_, i) => {
      const n = Math.floor(i / channels)
      return n * rows * channels + (i % channels)
    })
    const offsets = tf.tensor(base, [batch, 1, channels], "int32")
    return tf.reshape(tf.add(tf.mul(indices, tf.scalar(channels, "int32")), offsets), [-1])
  }

  return {
    conv2d: ([x, weight], { attributes: { strides, padding } }) =>
      tf.tidy(() =>
        tf.conv2d(x as Tensor4D, filterOf(weight as Tensor), [...strides], around(padding) as Explicit, "NHWC"),
      ),
    conv2dInputGrad: ([dy, weight], { attributes: { strides, padding } }, [type]) =>
      tf.tidy(() =>
        tf.conv2dTranspose(
          dy as Tensor4D,
          filterOf(weight as Tensor),
          dims(type) as [number, number, number, number],
          [...strides],
          around(padding) as Explicit,
        ),
      ),
    conv2dWeightGrad: ([dy, x], { attributes }, [type]) =>
      tf.tidy(() => {
        const [outputs, inputs, height, width] = dims(type) as [number, number, number, number]
        const grid = (dy as Tensor).shape.slice(1, 3)
        const padded = tf.pad(x as Tensor, around(attributes.padding))
        const rows = tf.transpose(tf.reshape(dy as Tensor, [-1, outputs]))
        const parts = Array.from({ length: height * width }, (_, i) => {
          const entry = windowEntry(padded, Math.floor(i / width), i % width, grid, attributes)
          return tf.matMul(rows, tf.reshape(entry, [-1, inputs])) // [out, in]
        })
        return tf.reshape(tf.stack(parts, 2), dims(type))
      }),
    maxPool2d: ([x], { attributes }, [values]) => {
      const [, rows, columns] = dims(values) as [number, number, number, number]
      const [, , imageWidth] = (x as Tensor).shape as [number, number, number, number]
      const { size, strides, padding } = attributes
      const [best, where] = tf.tidy((): [Tensor, Tensor] => {
        const padded = tf.pad(x as Tensor, around(padding), Number.NEGATIVE_INFINITY)
        let value: Tensor | undefined
        let index: Tensor = tf.scalar(0)
        for (let a = 0; a < size[0]; a++)
          for (let b = 0; b < size[1]; b++) {
            const entry = windowEntry(padded, a, b, [rows, columns], attributes)
            const at = Float32Array.from({ length: rows * columns }, (_, i) => {
              const row = Math.floor(i / columns) * strides[0] + a - padding[0]
              return row * imageWidth + (i % columns) * strides[1] + b - padding[2]
            })
            const position = tf.broadcastTo(tf.tensor(at, [1, rows, columns, 1]), dims(values))
            const better: Tensor | undefined = value && tf.greater(entry, value)
            index = better ? tf.where(better, position, index) : position
            value = value && better ? tf.where(better, entry, value) : entry
          }
        return [value as Tensor, tf.cast(index, "int32")]
      })
      return [best, where]
    },
    gather: ([x, indices], _, [type]) =>
      tf.tidy(() => {
        const flat = flatten(indices as Tensor, (x as Tensor).shape[1] as number)
        return tf.reshape(tf.gather(tf.reshape(x as Tensor, [-1]), flat), dims(type))
      }),
    scatterAdd: ([values, indices], _, [type]) =>
      tf.tidy(() => {
        const [batch, rows, channels] = dims(type) as [number, number, number]
        const flat = tf.reshape(flatten(indices as Tensor, rows), [-1, 1])
        const sums = tf.scatterND(flat, tf.reshape(values as Tensor, [-1]), [batch * rows * channels])
        return tf.reshape(sums, dims(type))
      }),
  }
}
