import type { Tensor } from "@tensorflow/tfjs-core"
import type { TensorFlow } from "./host.ts"

interface Options {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
}

/**
 * Products of equal batches of matrices, plus a bias along the last axis, which only single matrices may have.
 *
 * The wasm device gives only two matrices that are not to be transposed to its fast kernel, about ten times faster
 * (https://github.com/tensorflow/tfjs/pull/2532), and its slow one adds the wrong elements of a bias. So there they are
 * transposed beforehand. Batches gain nothing from being taken apart.
 */
export function matMul(
  tf: TensorFlow,
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: Options,
  bias?: Tensor,
): Tensor {
  const fused = bias === undefined ? {} : { bias }
  if (tf.getBackend() !== "wasm" || a.shape.length > 2)
    return tf.fused.matMul({ a, b, transposeA, transposeB, ...fused })
  return tf.tidy(() =>
    tf.fused.matMul({ a: transposeA ? tf.transpose(a) : a, b: transposeB ? tf.transpose(b) : b, ...fused }),
  )
}
